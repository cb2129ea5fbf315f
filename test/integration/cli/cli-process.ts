/** The program under test as a process of its own: with pipes, or on a terminal. */

import assert from "node:assert/strict";
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const mainFile = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));

export interface CliOptions {
  readonly socket?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Options of node itself. */
  readonly nodeOptions?: readonly string[];
  readonly stdin?: string | Uint8Array;
  /** Run as this user instead. */
  readonly uid?: number;
}

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How long a test waits for something to be printed; far more than it ever takes. */
const patienceMs = 30_000;

export class CliProcess {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  stdout = "";
  stderr = "";

  constructor(file: string, args: readonly string[], options: CliOptions) {
    this.child = spawn(file, args, {
      cwd: options.cwd,
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
      env: {
        PATH: process.env.PATH,
        TERM: "xterm",
        TZ: "UTC",
        ...(options.socket === undefined ? {} : { LUKSMITH_SOCKET: options.socket }),
        ...options.env,
      },
    });
    this.child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.child.stdin.on("error", () => undefined);
    if (options.stdin !== undefined) this.child.stdin.end(options.stdin);
    this.ended = new Promise((resolve, reject) => {
      this.child.once("error", reject);
      this.child.once("close", (exitCode) => resolve({ exitCode, stdout: this.stdout, stderr: this.stderr }));
    });
  }

  /** Waits until the program has printed what matches; fails when it ends first. */
  async printed(pattern: RegExp): Promise<void> {
    const giveUp = AbortSignal.timeout(patienceMs);
    while (!pattern.test(this.stdout + this.stderr)) {
      const printed = `${this.stdout}${this.stderr}`;
      if (this.child.exitCode !== null || giveUp.aborted) {
        throw new Error(`waited in vain for ${pattern}; there was only: ${printed}`);
      }
      await Promise.race([
        new Promise((resolve) => this.child.stdout.once("data", resolve)),
        new Promise((resolve) => this.child.stderr.once("data", resolve)),
        new Promise((resolve) => giveUp.addEventListener("abort", resolve, { once: true })),
        this.ended,
      ]);
    }
  }
}

export function startCli(args: readonly string[], options: CliOptions = {}): CliProcess {
  return new CliProcess(process.execPath, [...(options.nodeOptions ?? []), mainFile, ...args], options);
}

/** Runs it to its end, with nothing on standard input unless there is something to say. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<Ended> {
  return startCli(args, { stdin: "", ...options }).ended;
}

/** Whether a program's event loop waits until standard output can be written. Source: proc_pid_fdinfo(5), "tfd". */
function waitsForOutput(pid: number | undefined): boolean {
  const directory = `/proc/${pid}/fdinfo`;
  try {
    return readdirSync(directory).some((fd) => /^tfd:\s*1\s/m.test(readFileSync(join(directory, fd), "utf8")));
  } catch {
    // closed between the two
    return false;
  }
}

/** Until the program has more to say than its standard output takes. @throws when it ends without */
export async function untilOutputIsFull(child: ChildProcess): Promise<void> {
  while (!waitsForOutput(child.pid)) {
    assert.ok(child.exitCode === null && child.signalCode === null, "it ended, and waited for nobody");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Runs it on a terminal of so many columns; all that the terminal gets is in `stdout`. Source: script(1). */
export function startCliOnTerminal(args: readonly string[], columns: number, options: CliOptions = {}): CliProcess {
  const quoted = [process.execPath, mainFile, ...args].map((arg) => `'${arg.replaceAll("'", `'\\''`)}'`).join(" ");
  const command = `stty cols ${columns} rows 24; exec ${quoted}`;
  return new CliProcess("script", ["--quiet", "--return", "--flush", "--command", command, "/dev/null"], options);
}

/** The objects of a run with --json. */
export function jsonLines(stdout: string): { type: string; [field: string]: unknown }[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}
