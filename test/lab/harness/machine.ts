/**
 * A throwaway virtual machine: Debian's kernel over this machine's root file system, with device-mapper, nbd, FUSE,
 * netem and root's rights, whatever the kernel at hand has. Commands are run in it one after another.
 */

import { randomBytes } from "node:crypto";
import { access, copyFile, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { availableParallelism, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { hasErrno, LuksmithError } from "../../../common/errors.ts";
import { type Child, type Exec, lastWords, makeExec, type Start } from "../../../common/exec.ts";
import { UndoStack } from "../../../common/undo.ts";
import { labCacheDirectory } from "./cache-directory.ts";
import { ChannelSockets } from "./channel-sockets.ts";
import { type DebianKernel, debianKernel } from "./debian-kernel.ts";
import { writeInitramfs } from "./initramfs.ts";
import { MarkedStream } from "./marked-stream.ts";
import { qemuArguments } from "./qemu.ts";
import { tscKhz } from "./tsc-frequency.ts";

export interface MachineOptions {
  /** Told what is worth knowing: downloads, boots that hang. */
  readonly say: (line: string) => void;
  /** Directory of the host that is /out in the guest, read-write. Default: a new one that goes with the machine. */
  readonly out?: string | undefined;
  readonly memoryMiB?: number | undefined;
  readonly cpus?: number | undefined;
  /** Ends the machine wherever it is. */
  readonly signal?: AbortSignal | undefined;
}

export interface GuestCommand {
  readonly argv: readonly string[];
  /** Added to the guest's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the root of the repository. */
  readonly cwd?: string;
  readonly onStdout: (piece: Buffer) => void;
  readonly onStderr: (piece: Buffer) => void;
  /** Gives the command a terminal for its input and output (all of which is then given to onStdout). */
  readonly terminal?: { readonly rows: number; readonly columns: number; readonly onInput: (send: Send) => void };
  /** The machine is of no use afterwards when this passes or the signal comes: the command is still in it. */
  readonly deadlineMs?: number;
}

export type Send = (bytes: Buffer) => void;

export class DeadlineError extends LuksmithError {
  constructor(what: string, deadlineMs: number) {
    super("tool_failed", `${what} did not end within ${Math.round(deadlineMs / 1000)} s`);
  }
}

const repository = join(import.meta.dirname, "../../..");

/** A boot takes 4 s on a quiet machine. One that takes far longer than that hangs, or the machine is very busy. */
const bootDeadlinesMs = [40_000, 60_000, 120_000];
/** As long as it takes the emulator to notice SIGTERM. */
const stopGraceMs = 2000;
const emulator = "qemu-system-x86_64";

export class Machine implements AsyncDisposable {
  /** From the emulator's start to the first command, the boots that hung not counted. */
  readonly bootMs: number;
  readonly #child: Child;
  readonly #sockets: ChannelSockets;
  readonly #undo: UndoStack;
  /** Rejects when the emulator ends, for whatever reason. */
  readonly #ended: Promise<never>;
  readonly #keepConsoleLog: () => Promise<string | undefined>;

  private constructor(parts: {
    bootMs: number;
    child: Child;
    sockets: ChannelSockets;
    undo: UndoStack;
    ended: Promise<never>;
    keepConsoleLog: () => Promise<string | undefined>;
  }) {
    this.bootMs = parts.bootMs;
    this.#child = parts.child;
    this.#sockets = parts.sockets;
    this.#undo = parts.undo;
    this.#ended = parts.ended;
    this.#keepConsoleLog = parts.keepConsoleLog;
  }

  /** @throws {LuksmithError} "tool_failed" when it does not come up, three times over; the signal's reason */
  static async boot(options: MachineOptions): Promise<Machine> {
    const { exec, start } = makeExec();
    const cache = labCacheDirectory(process.env, process.getuid?.() ?? 0);
    const kernel = await debianKernel(exec, cache, options.say);
    const failures: string[] = [];
    for (const [attempt, deadlineMs] of bootDeadlinesMs.entries()) {
      try {
        return await Machine.#bootOnce({ exec, start, cache, kernel, options, deadlineMs });
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!(error instanceof LuksmithError)) throw error;
        failures.push(error.message);
        const last = attempt === bootDeadlinesMs.length - 1;
        options.say(
          `lab: boot ${attempt + 1} of ${bootDeadlinesMs.length}: ${error.message}${last ? "" : "; trying again"}`,
        );
        if (error.hint !== undefined) options.say(`lab: ${error.hint}`);
      }
    }
    throw new LuksmithError("tool_failed", `the virtual machine does not boot: ${failures.at(-1)}`);
  }

  static async #bootOnce(how: {
    exec: Exec;
    start: Start;
    cache: string;
    kernel: DebianKernel;
    options: MachineOptions;
    deadlineMs: number;
  }): Promise<Machine> {
    const { exec, cache, kernel, options, deadlineMs } = how;
    const undo = new UndoStack();
    const work = await mkdtemp(join(tmpdir(), "luksmith-lab-"));
    undo.add("remove the working directory", () => rm(work, { recursive: true, force: true }));
    try {
      const out = options.out ?? join(work, "out");
      const compile = join(cache, "node-compile");
      const initramfs = join(work, "initramfs");
      for (const path of [out, compile, join(work, "initramfs.d")]) await mkdir(path, { recursive: true });
      await writeInitramfs(exec, kernel, join(work, "initramfs.d"), initramfs);
      const sockets = await ChannelSockets.listen(work);
      undo.add("close the channels", async () => sockets.close());

      const consoleLog = join(work, "console.log");
      const keepConsoleLog = () => keepLog(consoleLog, join(cache, "logs"));
      const ready = new Promise<void>((resolve) => {
        let said = "";
        sockets.onData("control", (chunk) => {
          said += chunk.toString();
          if (said.includes("ready\n")) resolve();
        });
      });
      const startedAt = performance.now();
      const child = how.start({
        file: emulator,
        args: qemuArguments({
          kernel: kernel.image,
          initramfs,
          settings: { modules: kernel.modules },
          accelerator: process.env.LUKSMITH_LAB_ACCEL === "kvm" ? "kvm" : "tcg",
          cpus: options.cpus ?? Math.min(2, availableParallelism()),
          memoryMiB: options.memoryMiB ?? defaultMemoryMiB(),
          tscKhz: await hostTscKhz(),
          consoleLog,
          sockets: sockets.paths,
          shares: [
            { tag: "root", path: "/", readOnly: true },
            { tag: "out", path: out, readOnly: false },
            { tag: "compile", path: compile, readOnly: false },
          ],
        }),
        signal: options.signal,
        graceMs: stopGraceMs,
      });
      undo.add("stop the emulator", () => child.stop());
      const ended = child.finished.then((finished) => {
        throw new LuksmithError("tool_failed", `the virtual machine ended: ${lastWords(finished)}`);
      });
      ended.catch(() => undefined);
      try {
        await withDeadline(Promise.race([ready, ended]), deadlineMs, "the boot");
      } catch (error) {
        throw await withConsoleLog(error, keepConsoleLog);
      }
      const bootMs = performance.now() - startedAt;
      return new Machine({ bootMs, child, sockets, undo, ended, keepConsoleLog });
    } catch (error) {
      await undo.unwind();
      throw error;
    }
  }

  /**
   * Runs one command to its end and passes on what it prints as it comes. Not to be called before the last has ended.
   * @returns its exit code, as a shell counts them
   * @throws {DeadlineError} past the deadline; {LuksmithError} "tool_failed" when the machine is gone
   */
  async run(command: GuestCommand): Promise<number> {
    const mark = randomBytes(16).toString("hex");
    const streams = command.terminal
      ? [this.#listen("terminal", mark, command.onStdout)]
      : [this.#listen("stdout", mark, command.onStdout), this.#listen("stderr", mark, command.onStderr)];
    const status = new Promise<number>((resolve) => {
      let said = "";
      this.#sockets.onData("control", (chunk) => {
        said += chunk.toString();
        const code = /done (\d+)\n/.exec(said)?.[1];
        if (code !== undefined) resolve(Number(code));
      });
    });
    const { terminal } = command;
    const argv = ["env", "--chdir", command.cwd ?? repository, ...environment(command.env), ...command.argv];
    const size = terminal ? `${terminal.rows} ${terminal.columns}` : "";
    this.#sockets.write("control", [mark, size, `${argv.length}`, ...argv].map((field) => `${field}\0`).join(""));
    terminal?.onInput((bytes) => this.#sockets.write("terminal", bytes));

    const done = Promise.all([status, ...streams]).then(([code]) => code);
    const name = command.argv.join(" ");
    try {
      const either = Promise.race([done, this.#ended]);
      return await (command.deadlineMs === undefined ? either : withDeadline(either, command.deadlineMs, name));
    } catch (error) {
      throw await withConsoleLog(error, this.#keepConsoleLog);
    } finally {
      for (const channel of ["stdout", "stderr", "terminal"] as const) this.#sockets.onData(channel, undefined);
    }
  }

  get pid(): number {
    return this.#child.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo.unwind();
  }

  #listen(channel: "stdout" | "stderr" | "terminal", mark: string, sink: (piece: Buffer) => void): Promise<void> {
    const stream = new MarkedStream(mark, sink);
    this.#sockets.onData(channel, (chunk) => stream.write(chunk));
    return stream.found;
  }
}

/** What every command in the guest sees beside what the guest itself sets. */
function environment(added: Readonly<Record<string, string>> = {}): string[] {
  const all = {
    // the repository's own Node, as in npm scripts
    PATH: `${join(repository, "node_modules/.bin")}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    TERM: process.env.TERM ?? "dumb",
    LUKSMITH_LAB: "1",
    ...added,
  };
  return Object.entries(all).map(([name, value]) => `${name}=${value}`);
}

/** What is not used is not taken from the host; two machines at once have to fit. */
function defaultMemoryMiB(): number {
  const share = Math.floor((totalmem() / 2 ** 20) * 0.4);
  return Math.max(1536, Math.min(4096, share));
}

async function hostTscKhz(): Promise<number | undefined> {
  const scaling = "/sys/devices/system/cpu/cpu0/cpufreq";
  const exists = (path: string) =>
    access(path).then(
      () => true,
      () => false,
    );
  const base = join(scaling, "base_frequency");
  return tscKhz({
    cpuinfo: await readFile("/proc/cpuinfo", "utf8"),
    baseFrequency: (await exists(base)) ? (await readFile(base, "utf8")).trim() : undefined,
    scales: await exists(scaling),
  });
}

async function withDeadline<T>(work: Promise<T>, deadlineMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(what, deadlineMs)), deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** How many console logs are kept; each is a few kilobytes. */
const consoleLogsKept = 20;

/** Copies the log to where it outlives the machine. @returns where, or undefined when there is none */
async function keepLog(log: string, directory: string): Promise<string | undefined> {
  await mkdir(directory, { recursive: true });
  const { readdir } = await import("node:fs/promises");
  const old = (await readdir(directory)).sort().slice(0, -consoleLogsKept);
  for (const name of old) await rm(join(directory, name), { force: true });
  const kept = join(directory, `console-${new Date().toISOString().replaceAll(":", "-")}-${process.pid}.log`);
  try {
    await copyFile(log, kept);
    return kept;
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function withConsoleLog(error: unknown, keep: () => Promise<string | undefined>): Promise<unknown> {
  if (!(error instanceof LuksmithError) || error.hint !== undefined) return error;
  const kept = await keep();
  if (kept === undefined) return error;
  const hint = `the guest's console is in ${kept}`;
  return error instanceof DeadlineError
    ? Object.assign(error, { hint })
    : new LuksmithError(error.code, error.message, { hint, cause: error });
}
