/**
 * A PostgreSQL of a test's own, of Debian's package: its data in a directory that goes with it, listening on a Unix socket alone. What
 * is not told is not safe from a power cut, which no test here has.
 */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { systemClock } from "../../../../common/clock.ts";
import { hasErrno } from "../../../../common/errors.ts";
import { waitUntil } from "../../../../common/wait-until.ts";

const exec = promisify(execFile);

const startMs = 60_000;
const versions = "/usr/lib/postgresql";
/** It refuses to be root's. */
const account = "postgres";

export class PostgresServer implements AsyncDisposable {
  readonly #directory: string;
  readonly #programs: string;
  readonly #fsync: boolean;
  #server: ChildProcess | undefined;
  #databases = 0;

  private constructor(directory: string, programs: string, fsync: boolean) {
    this.#fsync = fsync;
    this.#directory = directory;
    this.#programs = programs;
  }

  /** @param options.fsync whether what is committed is on the disk: for whoever measures */
  static async start({ fsync = false }: { fsync?: boolean } = {}): Promise<PostgresServer> {
    const [version] = (await readdir(versions)).toSorted((a, b) => Number(b) - Number(a));
    const directory = await mkdtemp(join(tmpdir(), "luksmith-postgres-"));
    const server = new PostgresServer(directory, join(versions, version ?? "", "bin"), fsync);
    try {
      await server.#initialise();
      await server.resume();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  get #data(): string {
    return join(this.#directory, "data");
  }

  async #initialise(): Promise<void> {
    await mkdir(this.#data);
    if (process.geteuid?.() === 0) {
      const [uid, gid] = await Promise.all(
        ["-u", "-g"].map(async (what) => Number((await exec("id", [what, account])).stdout)),
      );
      for (const path of [this.#directory, this.#data]) await chown(path, uid ?? 0, gid ?? 0);
    }
    const made = [
      "--no-sync",
      "--auth=trust",
      "--username=postgres",
      "--encoding=UTF8",
      "--locale=C",
      "-D",
      this.#data,
    ];
    const [file = "", ...args] = asAccount(join(this.#programs, "initdb"), ...made);
    await exec(file, args);
  }

  /** Another database, with nothing in it. @returns its address */
  async database(): Promise<string> {
    this.#databases += 1;
    const name = `test${this.#databases}`;
    await this.query(`create database ${name}`);
    return this.url(name);
  }

  url(database: string): string {
    return `postgres://postgres@localhost/${database}?host=${encodeURIComponent(this.#directory)}`;
  }

  async query(sql: string, database = "postgres"): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.url(database) });
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }

  /** It says nothing any more, and closes nothing: all of its processes are stopped. */
  async freeze(): Promise<void> {
    await this.#signal("SIGSTOP");
  }

  async thaw(): Promise<void> {
    await this.#signal("SIGCONT");
  }

  async #signal(signal: NodeJS.Signals): Promise<void> {
    const { pid } = this.#server ?? {};
    if (pid === undefined) throw new Error("there is no server");
    // the server first, so that nobody is born meanwhile
    process.kill(pid, signal);
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
    for (const child of children.split(" ").filter((text) => text !== "")) {
      try {
        process.kill(Number(child), signal);
      } catch (error) {
        // it may have ended
        if (!hasErrno(error, "ESRCH")) throw error;
      }
    }
  }

  /** Where its Unix socket is. */
  get socket(): string {
    return join(this.#directory, ".s.PGSQL.5432");
  }

  /** As a crash of it: connections are cut in the middle. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || server.exitCode !== null) return;
    // one that was frozen would not hear it
    server.kill("SIGCONT");
    const exited = once(server, "exit");
    // SIGQUIT: at once, without a word (postgres(1)); on SIGKILL its children would stay for a while
    server.kill("SIGQUIT");
    await exited;
  }

  async resume(): Promise<void> {
    const settings = [
      `fsync=${this.#fsync ? "on" : "off"}`,
      "listen_addresses=",
      `unix_socket_directories=${this.#directory}`,
      "max_connections=100",
    ];
    const [file = "", ...args] = asAccount(
      join(this.#programs, "postgres"),
      ...["-D", this.#data, ...settings.flatMap((setting) => ["-c", setting])],
    );
    const server = spawn(file, args, { stdio: ["ignore", "ignore", "pipe"] });
    this.#server = server;
    let said = "";
    server.stderr?.on("data", (chunk) => {
      said = `${said}${chunk}`.slice(-4000);
    });
    const answers = () =>
      this.query("select 1").then(
        () => true,
        () => false,
      );
    const isUp = await waitUntil(systemClock, startMs, async () => server.exitCode !== null || (await answers()));
    if (!isUp || server.exitCode !== null) throw new Error(`PostgreSQL did not start: ${said}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

function asAccount(...argv: string[]): string[] {
  if (process.geteuid?.() !== 0) return argv;
  return ["setpriv", `--reuid=${account}`, `--regid=${account}`, "--clear-groups", ...argv];
}
