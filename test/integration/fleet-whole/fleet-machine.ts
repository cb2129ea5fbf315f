/**
 * A machine: the agent as a process, with its own places. Its volumes are as if they had been created; backups of `home` are held up by a hook
 * for as long as the test wants, and then skipped, so that no device is needed. Backups of `etc` are skipped at once; the volume of
 * `srv` was never created.
 */

import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PinStore } from "../../../agent/volume/pin.ts";
import { fakeClock } from "../../fake-clock.ts";
import { type Ended, jsonLines, runCli } from "../cli/cli-process.ts";
import { Program } from "./program.ts";

const uuid = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";

const pin = {
  ...({ format: 1, filesystem: "ext4", unclean: false, cipher: "aes-xts-plain64" } as const),
  ...{ id: uuid, luksUuid: uuid, filesystemUuid: uuid, generation: 1 },
  ...{ imageBytes: 2 ** 30, volumeKeyBits: 512, sectorBytes: 512, dataOffsetBytes: 2 ** 24 },
};

export class FleetMachine {
  readonly name: string;
  readonly directory: string;
  /** Ahead by so much, as libfaketime has it: "+15m"; empty: it is right. */
  clock = "";
  #agent: Program | undefined;

  constructor(name: string, directory: string) {
    this.name = name;
    this.directory = join(directory, name);
  }

  get agent(): Program {
    if (this.#agent === undefined) throw new Error(`no agent of ${this.name} was started`);
    return this.#agent;
  }

  /** @param controller as in the configuration */
  async start(controller = "{}"): Promise<void> {
    const { directory } = this;
    const file = join(directory, "agent.yaml");
    await mkdir(directory, { recursive: true });
    const hold = `echo $LUKSMITH_RUN >> ${this.#begunFile}; while [ -d ${this.#held} ]; do sleep 0.05; done; exit 75`;
    await writeFile(
      file,
      `socket: { path: ${directory}/agent.sock }
stateDir: ${directory}/state
runtimeDir: ${directory}/run
remotes: { vault: { host: 127.0.0.1, port: 1, user: nobody, path: images } }
volumes:
  home: { remote: vault, image: home.luks, size: 1G }
  etc: { remote: vault, image: etc.luks, size: 1G }
  srv: { remote: vault, image: srv.luks, size: 1G }
jobs:
  home: { volume: home, sources: [/etc], before: [[/bin/sh, -c, "${hold}"]] }
  etc: { volume: etc, sources: [/etc], before: [[/bin/sh, -c, "exit 75"]] }
  srv: { volume: srv, sources: [/etc] }
controller: ${controller}
`,
      { mode: 0o600 },
    );
    this.#agent = await Program.start(
      "agent/main.ts",
      ["--config", file],
      this.clock === "" ? {} : fakeClock(this.clock),
    );
    const pins = new PinStore(join(directory, "state"));
    // after the first start, which would ask the backup host for what it does not remember of them
    for (const volume of ["home", "etc"]) await pins.write(volume, pin);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    await this.#agent?.end(signal);
  }

  /** @param line as `luksmith fleet token create` prints it */
  async enrol(line: string): Promise<Ended> {
    const [program, ...args] = line.split(" ");
    if (program !== "luksmith") throw new Error(`nobody can type that: ${line}`);
    return this.luksmith(...args);
  }

  luksmith(...args: string[]): Promise<Ended> {
    return runCli(args, { socket: join(this.directory, "agent.sock") });
  }

  /** Of a job, as the machine has them; sorted. */
  async runIds(job: string): Promise<string[]> {
    const { stdout } = await this.luksmith("runs", "--limit", "500", "--json");
    return jsonLines(stdout)
      .filter((run) => run.job === job)
      .map(({ id }) => String(id))
      .toSorted();
  }

  /** From now on, a backup of `home` that begins does not end. */
  async hold(): Promise<void> {
    await mkdir(this.#held);
  }

  async letGo(): Promise<void> {
    await rm(this.#held, { recursive: true });
  }

  /** The runs that have begun a backup of `home`, in their order; one that did it twice is there twice. */
  async begun(): Promise<string[]> {
    if (!existsSync(this.#begunFile)) return [];
    return (await readFile(this.#begunFile, "utf8")).trimEnd().split("\n");
  }

  get #held(): string {
    return join(this.directory, "held");
  }

  get #begunFile(): string {
    return join(this.directory, "begun");
  }
}
