/** One of our programs, unbuilt, as a process that says when it is ready. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { systemClock } from "../../../common/clock.ts";
import { waitUntil } from "../../../common/wait-until.ts";
import { CliProcess, type Ended } from "../cli/cli-process.ts";

/** Far more than anything here takes. */
const patienceMs = 120_000;

export class Program {
  readonly child: ChildProcess;
  logged = "";

  private constructor(file: string, args: readonly string[], env: Record<string, string>) {
    const program = new URL(`../../../${file}`, import.meta.url).pathname;
    this.child = spawn(process.execPath, [program, ...args], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...env },
    });
    this.child.stderr?.on("data", (chunk: Buffer) => {
      this.logged += chunk.toString();
    });
  }

  static async start(file: string, args: readonly string[], env: Record<string, string> = {}): Promise<Program> {
    const program = new Program(file, args, env);
    try {
      await until(
        () => program.logged.includes('"ready"') || !program.isAlive,
        () => program.logged,
      );
      assert.ok(program.isAlive, program.logged);
      return program;
    } catch (error) {
      await program.end("SIGKILL");
      throw error;
    }
  }

  get isAlive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (!this.isAlive) return;
    const exited = once(this.child, "exit", { signal: AbortSignal.timeout(patienceMs) });
    this.child.kill(signal);
    try {
      await exited;
    } catch {
      // whoever waits for it would never hear of it
      this.child.kill("SIGKILL");
      throw new Error(`it has not ended on ${signal}: ${this.logged.slice(-3000)}`);
    }
  }
}

/** One that ends by itself. */
export async function runProgram(file: string, args: readonly string[]): Promise<Ended> {
  return new CliProcess(process.execPath, [new URL(`../../../${file}`, import.meta.url).pathname, ...args], {}).ended;
}

export async function until(isSo: () => Promise<boolean> | boolean, what: () => string): Promise<void> {
  if (!(await waitUntil(systemClock, patienceMs, isSo))) throw new Error(`waited in vain: ${what()}`);
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
