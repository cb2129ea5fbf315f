/** A fleet as an operator has it: controllers, machines and the command line, each a process of its own. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ServiceError } from "@grpc/grpc-js";
import { parseYaml } from "../../../common/config/yaml-document.ts";
import { fleetChannelOptions, fleetCredentials } from "../../../common/fleet/channel.ts";
import { operatorFileSchema, operatorFileText } from "../../../common/fleet/operator-file.ts";
import {
  ControllerServiceClient,
  type FleetDispatch,
  type FleetRun,
  type Machine,
} from "../../../proto/gen/luksmith/v1/controller.ts";
import { type CliProcess, type Ended, jsonLines, runCli, startCli } from "../cli/cli-process.ts";
import { FleetMachine } from "./fleet-machine.ts";
import { freePort, Program, runProgram, until } from "./program.ts";

const exec = promisify(execFile);
const controllerMain = new URL("../../../controller/main.ts", import.meta.url).pathname;

/** One of them, which can be killed and started again. */
export class ControllerPlace {
  readonly address: string;
  /** Metrics and health. */
  readonly http: string;
  readonly #configFile: string;
  #program: Program | undefined;

  constructor(address: string, http: string, configFile: string) {
    this.address = address;
    this.http = http;
    this.#configFile = configFile;
  }

  async start(): Promise<void> {
    this.#program = await Program.start("controller/main.ts", ["serve", "--config", this.#configFile]);
  }

  /** From its next start on. */
  async configure(change: Readonly<Record<string, unknown>>): Promise<void> {
    const config = JSON.parse(await readFile(this.#configFile, "utf8"));
    await writeFile(this.#configFile, JSON.stringify({ ...config, ...change }), { mode: 0o600 });
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    await this.#program?.end(signal);
  }

  /** One that is not to become ready. */
  async startInVain(): Promise<Ended> {
    return runProgram("controller/main.ts", ["serve", "--config", this.#configFile]);
  }

  /** Of /readyz: nothing is wrong, or what. */
  async unready(): Promise<string> {
    const response = await fetch(`http://${this.http}/readyz`);
    const text = await response.text();
    return response.status === 200 ? "" : text;
  }

  get isAlive(): boolean {
    return this.#program?.isAlive === true;
  }

  get logged(): string {
    return this.#program?.logged ?? "";
  }

  /** What it calls itself. */
  get id(): string {
    return /"controller":"([^"]+)"/.exec(this.logged)?.[1] ?? "";
  }
}

interface Typing {
  readonly stdin?: string;
  /** The file of another operator's credential. */
  readonly as?: string;
  /** Through this controller alone. */
  readonly at?: string;
}

export class WholeFleet implements AsyncDisposable {
  readonly directory: string;
  readonly controllers: readonly ControllerPlace[];
  readonly #machines: FleetMachine[] = [];
  #client: ControllerServiceClient | undefined;

  private constructor(directory: string, controllers: readonly ControllerPlace[]) {
    this.directory = directory;
    this.controllers = controllers;
  }

  /** @param database an address of PostgreSQL, or the path of an SQLite file; left out: an SQLite file beside the secret */
  static async begin(controllers = 1, database?: string): Promise<WholeFleet> {
    const directory = await mkdtemp(join(tmpdir(), "luksmith-whole-"));
    const places: ControllerPlace[] = [];
    for (let number = 0; number < controllers; number += 1) {
      const address = `127.0.0.1:${await freePort()}`;
      const stateDir = join(directory, `controller${number}`);
      await mkdir(stateDir, { mode: 0o700 });
      const configFile = join(stateDir, "controller.yaml");
      const http = `127.0.0.1:${await freePort()}`;
      const config = {
        ...{ listen: address, http, address, stateDir },
        ...(database === undefined ? {} : { database }),
      };
      // JSON is YAML
      await writeFile(configFile, JSON.stringify(config), { mode: 0o600 });
      places.push(new ControllerPlace(address, http, configFile));
    }
    const fleet = new WholeFleet(directory, places);
    try {
      const addresses = places.flatMap(({ address }) => ["--address", address]);
      const place = database === undefined ? [] : ["--database", database];
      const stateDir = join(directory, "controller0");
      const { stdout } = await exec(process.execPath, [
        ...[controllerMain, "init", "--state-dir", stateDir],
        ...addresses,
        ...place,
      ]);
      assert.match(stdout, /Next:\n {2}luksmith-controller serve/);
      for (let number = 1; number < controllers; number += 1) {
        const file = "controller.secret";
        await copyFile(join(stateDir, file), join(directory, `controller${number}`, file));
      }
      await Promise.all(places.map((each) => each.start()));
      return fleet;
    } catch (error) {
      await fleet[Symbol.asyncDispose]();
      throw error;
    }
  }

  get controller(): ControllerPlace {
    const [first] = this.controllers;
    if (first === undefined) throw new Error("a fleet has a controller");
    return first;
  }

  get credential(): string {
    return join(this.directory, "controller0", "admin.yaml");
  }

  /** `luksmith fleet ...`, by the first operator unless `LUKSMITH_FLEET` is another's. */
  async fleet(args: string, { stdin = "", as = this.credential, at }: Typing = {}): Promise<Ended> {
    const credential = at === undefined ? as : await this.#credentialFor(at);
    return runCli(["fleet", ...args.split(" ")], this.#typing(credential, stdin));
  }

  /** The same, and it goes on. */
  async startFleet(args: string, at?: string): Promise<CliProcess> {
    const credential = at === undefined ? this.credential : await this.#credentialFor(at);
    return startCli(["fleet", ...args.split(" ")], this.#typing(credential, ""));
  }

  /** The first operator's, of whom this is the only address. */
  async #credentialFor(address: string): Promise<string> {
    const file = join(this.directory, `${address}.yaml`);
    const { value } = parseYaml(await readFile(this.credential, "utf8"));
    const text = operatorFileText({ ...operatorFileSchema.parse(value), addresses: [address] });
    await writeFile(file, text, { mode: 0o600 });
    return file;
  }

  #typing(credential: string, stdin: string) {
    return { env: { HOME: this.directory, LUKSMITH_FLEET: credential }, cwd: this.directory, stdin };
  }

  /** What is printed by what is to succeed. */
  async says(args: string, text: RegExp, options: Typing = {}): Promise<string> {
    const { exitCode, stdout, stderr } = await this.fleet(args, options);
    assert.equal(exitCode, 0, `${args}: ${stdout}${stderr}`);
    assert.match(stdout, text);
    return stdout;
  }

  async refuses(args: string, exitCode: number, text: RegExp, options: Typing = {}): Promise<void> {
    const ended = await this.fleet(args, options);
    assert.equal(ended.exitCode, exitCode, `${args}: ${ended.stdout}${ended.stderr}`);
    assert.match(ended.stdout + ended.stderr, text);
  }

  async json(args: string): Promise<ReturnType<typeof jsonLines>> {
    return jsonLines(await this.says(`${args} --json`, /^/));
  }

  /** One that is of the fleet and connected. @param controller as in its configuration */
  async machine(name: string, labels = "env=prod", controller = "{}"): Promise<FleetMachine> {
    const machine = this.addMachine(name);
    const [line] = await Promise.all([
      this.says(`token create --name ${name} --labels ${labels}`, /^luksmith enroll /),
      machine.start(controller),
    ]);
    const enrolled = await machine.enrol(line.trim());
    assert.equal(enrolled.exitCode, 0, enrolled.stderr);
    assert.match(enrolled.stdout, new RegExp(`^enrolled at .* as ${name} \\(`));
    await this.connected(name);
    return machine;
  }

  /** Nothing of it is started; it is ended with the fleet. */
  addMachine(name: string): FleetMachine {
    const machine = new FleetMachine(name, this.directory);
    this.#machines.push(machine);
    return machine;
  }

  async connected(name: string): Promise<void> {
    await this.untilMachine(name, "is connected", ({ connected }) => connected);
  }

  async untilMachine(name: string, what: string, isSo: (machine: Machine) => boolean): Promise<void> {
    let seen: unknown;
    await until(
      async () => {
        const [machine] = await this.machines(`name=${name}`);
        seen = machine;
        return machine !== undefined && isSo(machine);
      },
      () => `${name} ${what}; it is ${JSON.stringify(seen)}`,
    );
  }

  /** None while no controller answers, as in all that asks without the command line. */
  machines(selector: string): Promise<readonly Machine[]> {
    return this.#ask<{ machines: Machine[] }>((client, done) =>
      client.listMachines({ selector, jobs: true }, done),
    ).then((answer) => answer?.machines ?? []);
  }

  async runs(selector: string): Promise<readonly FleetRun[]> {
    const request = { selector, job: "", schedule: "", states: [], limit: 500, since: undefined };
    const answer = await this.#ask<{ runs: FleetRun[] }>((client, done) => client.listFleetRuns(request, done));
    return answer?.runs ?? [];
  }

  /** Of a machine's job, as the controller has them, each as often as it has it; sorted. */
  async toldRunIds({ name }: Pick<FleetMachine, "name">, job: string): Promise<string[]> {
    return (await this.runs(`name=${name}`)).flatMap(({ run }) => (run?.job === job ? [run.id] : [])).toSorted();
  }

  async dispatches(batch: string): Promise<readonly FleetDispatch[]> {
    const answer = await this.#ask<{ dispatches: FleetDispatch[] }>((client, done) =>
      client.listDispatches({ batch, selector: "", limit: 100 }, done),
    );
    return answer?.dispatches ?? [];
  }

  /** Asks machines for something, and does not wait for what comes of it. @returns what was asked for at once */
  async ask(args: string): Promise<string> {
    const asked = await this.says(`run ${args} --detach`, /asked: (\S+)/);
    return /asked: (\S+)/.exec(asked)?.[1] ?? "";
  }

  /** By another controller from now on, or another credential. */
  forgetClient(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  async #ask<Answer>(
    call: (client: ControllerServiceClient, done: (error: ServiceError | null, answer: Answer) => void) => unknown,
  ): Promise<Answer | undefined> {
    this.#client ??= await this.#connect();
    const client = this.#client;
    return new Promise((resolve) => {
      call(client, (error, answer) => {
        if (error !== null) this.forgetClient();
        resolve(error === null ? answer : undefined);
      });
    });
  }

  async #connect(): Promise<ControllerServiceClient> {
    const text = await readFile(this.credential, "utf8");
    const { authorities, certificate, key } = operatorFileSchema.parse(parseYaml(text).value);
    const alive = this.controllers.find((each) => each.isAlive) ?? this.controller;
    const tls = fleetCredentials({ authorities, own: { certificate, key } });
    return new ControllerServiceClient(alive.address, tls, fleetChannelOptions);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.forgetClient();
    await Promise.all(this.#machines.map((machine) => machine.end("SIGKILL")));
    await Promise.all(this.controllers.map((each) => each.end("SIGKILL")));
    await rm(this.directory, { recursive: true });
  }
}
