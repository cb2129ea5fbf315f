/**
 * A throwaway virtual machine: Debian's kernel over this machine's root file system, with device-mapper, nbd, FUSE,
 * netem and root's rights, whatever the kernel at hand has. Commands are run in it one after another.
 */

import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, constants, tmpdir } from "node:os";
import { join } from "node:path";
import { hasErrno, LuksmithError } from "../../../common/errors.ts";
import { type Child, lastWords, makeExec } from "../../../common/exec.ts";
import { UndoStack } from "../../../common/undo.ts";
import { labCacheDirectory } from "./cache-directory.ts";
import { ChannelSockets } from "./channel-sockets.ts";
import { withConsoleLog } from "./console-log.ts";
import { withDeadline } from "./deadline.ts";
import { type DebianKernel, debianKernel } from "./debian-kernel.ts";
import { hostTscKhz, memoryForGuest } from "./host-facts.ts";
import { writeInitramfs } from "./initramfs.ts";
import { MarkedStream } from "./marked-stream.ts";
import { asSetting, qemuArguments } from "./qemu.ts";

export interface MachineOptions {
  /** Told what is worth knowing: downloads, boots that hang. */
  readonly say: (line: string) => void;
  /** Directory of the host that is /out in the guest, read-write. Default: a new one that goes with the machine. */
  readonly out?: string | undefined;
  /** A raw file of the host that is /dev/vda in the guest, for what is to be there in the next machine as well. */
  readonly disk?: string | undefined;
  readonly memoryMiB?: number | undefined;
  /** Default: 2 where the host has them. One costs the host half the time for the same work; two let a pipeline run. */
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
  /** It sees nothing of what earlier commands have written, and what it writes goes with it. */
  readonly freshRoot?: boolean;
  readonly onStdout: (piece: Buffer) => void;
  readonly onStderr: (piece: Buffer) => void;
  /** Makes a terminal the command's input and output; all that it prints then goes to onStdout. */
  readonly terminal?: GuestTerminal | undefined;
  readonly deadlineMs?: number;
}

export interface GuestTerminal {
  readonly rows: number;
  readonly columns: number;
  /** Called once, with the function that types into it. */
  readonly onInput: (send: (bytes: Buffer) => void) => void;
}

export const repository = join(import.meta.dirname, "../../..");

/** A boot takes 5 s on a quiet machine. One that takes far longer than that hangs, or the machine is very busy. */
const bootDeadlinesMs = [45_000, 60_000, 120_000];
const emulatorProgram = "qemu-system-x86_64";

export class Machine implements AsyncDisposable {
  /** From the emulator's start until it takes commands, the boots that hung not counted. */
  readonly bootMs: number;
  readonly #emulator: Child;
  readonly #sockets: ChannelSockets;
  readonly #undo: UndoStack;
  /** Rejects when the emulator ends, for whatever reason. */
  readonly #ended: Promise<never>;
  readonly #explain: (error: unknown) => Promise<unknown>;
  #hasPower = true;

  private constructor(parts: {
    bootMs: number;
    emulator: Child;
    sockets: ChannelSockets;
    undo: UndoStack;
    ended: Promise<never>;
    explain: (error: unknown) => Promise<unknown>;
  }) {
    this.bootMs = parts.bootMs;
    this.#emulator = parts.emulator;
    this.#sockets = parts.sockets;
    this.#undo = parts.undo;
    this.#ended = parts.ended;
    this.#explain = parts.explain;
  }

  /** @throws {LuksmithError} "tool_failed" when it does not come up, three times over; the signal's reason */
  static async boot(options: MachineOptions): Promise<Machine> {
    const cache = labCacheDirectory(process.env, process.getuid?.() ?? 0);
    const kernel = await debianKernel(makeExec().exec, cache, options.say);
    for (const [index, deadlineMs] of bootDeadlinesMs.entries()) {
      try {
        return await Machine.#bootOnce(cache, kernel, options, deadlineMs);
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!(error instanceof LuksmithError)) throw error;
        options.say(`lab: boot ${index + 1} of ${bootDeadlinesMs.length} failed: ${error.message}`);
        if (error.hint !== undefined) options.say(`lab: ${error.hint}`);
      }
    }
    throw new LuksmithError("tool_failed", "the virtual machine does not boot", { hint: "test/README.md says more" });
  }

  static async #bootOnce(
    cache: string,
    kernel: DebianKernel,
    options: MachineOptions,
    deadlineMs: number,
  ): Promise<Machine> {
    const { exec, start } = makeExec();
    const undo = new UndoStack();
    const work = await mkdtemp(join(tmpdir(), "luksmith-lab-"));
    undo.add("remove the working directory", () => rm(work, { recursive: true, force: true }));
    try {
      const paths = {
        out: options.out ?? join(work, "out"),
        initramfs: join(work, "initramfs"),
        initramfsTree: join(work, "initramfs.d"),
        consoleLog: join(work, "console.log"),
      };
      for (const path of [paths.out, paths.initramfsTree]) await mkdir(path, { recursive: true });
      await writeInitramfs(exec, kernel, paths.initramfsTree, paths.initramfs);
      const sockets = await ChannelSockets.listen(work);
      undo.add("close the channels", async () => sockets.close());

      const ready = said(sockets, /ready\n/);
      const startedAt = performance.now();
      const emulator = start({
        file: emulatorProgram,
        args: qemuArguments({
          kernel: kernel.image,
          initramfs: paths.initramfs,
          settings: { modules: kernel.modules, checkout: asSetting(process.cwd()) },
          // opt-in: a broken KVM does not fail, it hangs or takes the emulator down
          accelerator: process.env.LUKSMITH_LAB_ACCEL === "kvm" ? "kvm" : "tcg",
          cpus: options.cpus ?? Math.min(2, availableParallelism()),
          memoryMiB: options.memoryMiB ?? memoryForGuest(),
          tscKhz: await hostTscKhz(),
          consoleLog: paths.consoleLog,
          sockets: sockets.paths,
          shares: [
            { tag: "root", path: "/", readOnly: true },
            { tag: "out", path: paths.out, readOnly: false },
          ],
          disk: options.disk,
        }),
        signal: options.signal,
      });
      undo.add("stop the emulator", () => emulator.stop());
      const ended = emulator.finished.then((finished) => {
        throw new LuksmithError("tool_failed", `the virtual machine ended: ${lastWords(finished)}`);
      });
      ended.catch(() => undefined);

      const explain = async (error: unknown) =>
        error instanceof LuksmithError && error.code === "tool_failed"
          ? withConsoleLog(error, paths.consoleLog, join(cache, "logs"))
          : error;
      await withDeadline(Promise.race([ready, ended]), deadlineMs, "the boot").catch(async (error: unknown) => {
        throw await explain(error);
      });
      return new Machine({ bootMs: performance.now() - startedAt, emulator, sockets, undo, ended, explain });
    } catch (error) {
      await undo.unwind();
      throw error;
    }
  }

  /**
   * Runs one command to its end and passes on what it prints as it comes. Not to be called before the last has ended;
   * when it throws, the command may still be there and the machine is of no more use.
   * @returns its exit code, as a shell counts them
   * @throws {DeadlineError} past the deadline; {LuksmithError} "tool_failed" when the machine is gone; the reason of
   *   the machine's signal
   */
  async run(command: GuestCommand): Promise<number> {
    const { terminal } = command;
    const mark = randomBytes(16).toString("hex");
    const streams = terminal
      ? [this.#listen("terminal", mark, command.onStdout)]
      : [this.#listen("stdout", mark, command.onStdout), this.#listen("stderr", mark, command.onStderr)];
    const status = said(this.#sockets, /done (\d+)\n/);
    const root = command.freshRoot ? ["bash", "/run/lab/fresh-root.sh"] : [];
    const argv = [...root, "env", "--chdir", command.cwd ?? repository, ...environment(command.env), ...command.argv];
    const size = terminal ? `${terminal.rows} ${terminal.columns}` : "";
    this.#sockets.write("control", [mark, size, `${argv.length}`, ...argv].map((field) => `${field}\0`).join(""));
    terminal?.onInput((bytes) => this.#sockets.write("terminal", bytes));
    try {
      const done = Promise.race([Promise.all([status, ...streams]), this.#ended]);
      const [code] = await (command.deadlineMs === undefined
        ? done
        : withDeadline(done, command.deadlineMs, command.argv.join(" ")));
      return Number(code);
    } catch (error) {
      throw this.#hasPower ? await this.#explain(error) : error;
    } finally {
      for (const channel of ["stdout", "stderr", "terminal"] as const) this.#sockets.onData(channel, undefined);
    }
  }

  /**
   * Ends the machine at once: nothing in it can write anything out, and the command that runs in it fails. Resolves when
   * the emulator is gone, and with it its hold on the disk.
   * @throws {LuksmithError} "tool_failed" when the machine had ended by itself
   */
  async cutPower(): Promise<void> {
    this.#hasPower = false;
    try {
      process.kill(this.#emulator.pid, "SIGKILL");
    } catch (error) {
      if (!hasErrno(error, "ESRCH")) throw error;
    }
    const { exitCode } = await this.#emulator.finished;
    if (exitCode !== 128 + constants.signals.SIGKILL) {
      throw new LuksmithError("tool_failed", "the virtual machine had ended before its power was cut");
    }
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

/** Resolves with the first group of `words` when the guest has said them on the control channel. */
function said(sockets: ChannelSockets, words: RegExp): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = "";
    sockets.onData("control", (chunk) => {
      text += chunk.toString();
      const match = words.exec(text);
      if (match) resolve(match[1]);
    });
  });
}

/** What every command in the guest sees beside what the guest itself sets. */
function environment(added: Readonly<Record<string, string>> = {}): string[] {
  const all = {
    // the repository's own Node comes first, as in npm scripts
    PATH: `${join(repository, "node_modules/.bin")}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    TERM: process.env.TERM ?? "dumb",
    LUKSMITH_LAB: "1",
    ...added,
  };
  return Object.entries(all).map(([name, value]) => `${name}=${value}`);
}
