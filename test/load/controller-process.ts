/** The real controller, as it is installed, in a process that can be measured and started anew. */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { systemClock } from "../../common/clock.ts";
import { waitUntil } from "../../common/wait-until.ts";

const exec = promisify(execFile);
const program = "dist/luksmith-controller.mjs";
const unitFile = "deploy/systemd/luksmith-controller.service";
const startMs = 120_000;

export class ControllerProcess implements AsyncDisposable {
  readonly address: string;
  readonly httpAddress: string;
  readonly operatorFile: string;
  readonly stateDir: string;
  readonly database: string;
  readonly #directory: string;
  #child: ChildProcess | undefined;

  /** Made, and not started. @param database as --database; undefined: an SQLite file of its own */
  static async create(directory: string, database?: string): Promise<ControllerProcess> {
    const stateDir = join(directory, "controller");
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    const [port, http] = [await freePort(), await freePort()];
    const place = database ?? join(stateDir, "controller.db");
    const made = new ControllerProcess(directory, stateDir, place, port, http);
    const config = {
      ...{ listen: made.address, http: made.httpAddress, stateDir, database: place, log: { level: "warn" } },
      // ten thousand series more would be measured with everything else
      metrics: { perJob: false },
    };
    await writeFile(made.#config, JSON.stringify(config), { mode: 0o600 });
    await exec(process.execPath, [
      ...[program, "init", "--address", made.address, "--state-dir", stateDir, "--database", place],
      ...["--credential", made.operatorFile],
    ]);
    return made;
  }

  private constructor(directory: string, stateDir: string, database: string, port: number, http: number) {
    this.#directory = directory;
    this.stateDir = stateDir;
    this.database = database;
    this.address = `127.0.0.1:${port}`;
    this.httpAddress = `127.0.0.1:${http}`;
    this.operatorFile = join(directory, "operator.yaml");
  }

  get #config(): string {
    return join(this.#directory, "controller.yaml");
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error("the controller does not run");
    return pid;
  }

  /** Resolves when it is ready. */
  async start(): Promise<void> {
    const { flags, environment } = await unitSettings();
    const child = spawn(process.execPath, [...flags, program, "serve", "--config", this.#config], {
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, ...environment },
    });
    this.#child = child;
    const ready = await waitUntil(systemClock, startMs, async () => child.exitCode !== null || (await this.#isReady()));
    if (!ready || child.exitCode !== null) throw new Error("the controller did not start");
  }

  async #isReady(): Promise<boolean> {
    return fetch(`http://${this.httpAddress}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  /** What a metric has now, summed over all its series with a label. @param label as `name="value"` */
  async metric(name: string, label: string): Promise<number> {
    const text = await (await fetch(`http://${this.httpAddress}/metrics`)).text();
    const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`) && line.includes(label));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }

  /** How many files it may have open: a connection each. */
  async openFilesLimit(): Promise<number> {
    const limits = await readFile(`/proc/${this.pid}/limits`, "utf8");
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
  }
}

/** What the unit gives it: Node's flags, and the environment (systemd.exec(5)). */
async function unitSettings(): Promise<{ flags: string[]; environment: Record<string, string> }> {
  const unit = await readFile(unitFile, "utf8");
  const command = /^ExecStart=\S*node (.*?)\S+\.mjs serve/m.exec(unit);
  if (command === null) throw new Error(`${unitFile} starts no controller`);
  const flags = (command[1] ?? "").split(" ").filter((flag) => flag !== "");
  const assigned = [...unit.matchAll(/^Environment=(\w+)=(\S*)$/gm)];
  return { flags, environment: Object.fromEntries(assigned.map(([, name, value]) => [name, value])) };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
