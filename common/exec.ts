/**
 * The one place that starts processes. Argument arrays and never a shell, a known environment, a deadline, an abort
 * signal, a process group that is killed as a whole, secrets on standard input only, the end of stderr kept.
 *
 * Each child that works for longer than a moment dies with us (prctl(2) PR_SET_PDEATHSIG, set by setpriv(1)): an agent
 * that is killed with SIGKILL leaves no rsync reading and no ssh connected. What works in a volume alone ends with its ssh.
 */

import type { ChildProcess } from "node:child_process";
import { constants } from "node:os";
import { getDefaultHighWaterMark, type Readable, setDefaultHighWaterMark } from "node:stream";
import { execa } from "execa";
import { hasErrno, LuksmithError } from "./errors.ts";

export interface User {
  readonly uid: number;
  readonly gid: number;
  /** By number, in place of those that the system knows the user to be in. */
  readonly groups?: readonly number[];
  /**
   * No other process of the user's can look into it or alter it, or reach by it what it has open (ptrace(2), proc(5)): it has a
   * capability that they lack, CAP_SETPCAP, which is worth nothing where no other can be had.
   */
  readonly guarded?: boolean;
}

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  /** Bytes for standard input; secrets go here. Default: empty. */
  readonly stdin?: string | Uint8Array | Readable;
  /** Added to the fixed environment (PATH, LC_ALL=C). Never a secret. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A descriptor of ours, a socket's, that is its standard input and output both; we keep it and may close it. */
  readonly connection?: number;
  /** Files of ours that are open in the child as well, as its descriptors 3, 4 and so on. */
  readonly fds?: readonly number[];
  /** From the start to the exit. Omit only for a child that lives as long as what it serves. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal | undefined;
  /**
   * It asks or does one small thing and ends, or works in a volume and nowhere else: not worth the second exec that makes
   * it die with us. What it hangs on, or works on, is a mount whose sshfs dies with us. Has no effect together with `cwd`
   * or `as`.
   */
  readonly brief?: boolean;
  /** Run as this user with their groups and without a way back. Default: as we are. */
  readonly as?: User | undefined;
  /** What it prints on standard output is nobody's concern: it goes to /dev/null, which spares a pipe. */
  readonly silent?: boolean;
  /** Gets standard output piece by piece, which is then not kept. Throwing or rejecting ends the child. */
  readonly onStdout?: (chunk: Buffer) => void | Promise<void>;
  /**
   * For a tool that writes a line for every small thing it does: its pieces of standard output are gathered for so long
   * before `onStdout` gets them, unless much has come together. Each piece alone would cost more than what it says.
   */
  readonly gatherMs?: number;
  /** Gets standard error piece by piece; its end is kept all the same. */
  readonly onStderr?: (chunk: Buffer) => void;
  /** Called when it has been started. */
  readonly onStart?: (running: Running) => void;
  /** Whatever it has started, and is in its process group, is killed when it has ended, however it ended. */
  readonly endsItsGroup?: boolean;
  /** To be ended at once, by SIGKILL: what it would tidy up is of use later. */
  readonly endsUntidily?: boolean;
  /** How long it may take to end by itself after SIGTERM before SIGKILL. Default 2000. */
  readonly graceMs?: number;
}

export interface Finished {
  /** 128 + the signal's number when a signal ended it, as shells say. */
  readonly exitCode: number;
  /** Of the signal that ended it, which was not ours. */
  readonly signal?: NodeJS.Signals;
  readonly stdout: Buffer;
  /** The last 25 lines at most. */
  readonly stderr: string;
}

/** A child as those see it who have not started it. */
export interface Running {
  readonly pid: number;
  /**
   * Lets it stand still, and not what it has started: should we be killed meanwhile, it dies with us, and they see the end of
   * their pipes. A child that is to end is resumed first.
   */
  pause(): void;
  resume(): void;
}

/** A child that is running. */
export interface Child {
  readonly pid: number;
  /** Never rejects because of an exit code; rejects when it could not be started, was cancelled or timed out. */
  readonly finished: Promise<Finished>;
  /** SIGTERM to the whole group now, SIGKILL after the grace; resolves when it is gone. */
  stop(): Promise<void>;
}

/**
 * Starts a command and waits for its end, whatever the exit code.
 * @throws {LuksmithError} see {@link Child.finished}; "tool_failed" also when somebody else has killed it: whatever its exit
 *   codes mean, it has not said any of that
 */
export type Exec = (command: Command) => Promise<Finished>;

export type Start = (command: Command) => Child;

export const fixedEnvironment = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C",
  HOME: "/",
} as const;

/** Enough for any JSON that the tools print; more than that is not a tool's answer but an accident. */
const stdoutLimitBytes = 16 * 2 ** 20;
/** A quarter of what a pipe holds (pipe(7)): nobody waits for us to read. */
const muchBytes = 16 * 2 ** 10;
const stderrKeptLines = 25;
const stderrKeptBytes = 64 * 2 ** 10;
const defaultGraceMs = 2000;
/** A grandchild that left the group may hold the pipes; what it has to say after the child's end does not matter. */
const pipeDrainMs = 500;
const pipeDrainStepMs = 25;
/** A child in state D, on a mount whose other side is silent, dies only when that lets go: which is the caller's work. */
const unkillableAfterMs = 5000;

/** @param path where programs are looked up; tests of ours put small programs in front. */
export function makeExec(path: string = fixedEnvironment.PATH): { exec: Exec; start: Start } {
  const start: Start = (command) => startChild(command, path);
  const exec: Exec = async (command) => {
    await oneATurn();
    const finished = await start(command).finished;
    if (finished.signal === undefined) return finished;
    throw new LuksmithError("tool_failed", `${command.file} was killed (${finished.signal})`, {
      hint: "had the machine run out of memory? journalctl -k",
      cause: finished,
    });
  };
  return { start, exec };
}

let turns: Promise<unknown> = Promise.resolve();

/**
 * To start a child takes milliseconds in which we hear nobody. Those of many do not add up: between one and the next the event
 * loop gets to see what has come in. First come, first served.
 */
function oneATurn(): Promise<unknown> {
  const mine = turns;
  // twice, since the first is still in the same round of the loop when it is asked for by input or a timer
  turns = mine.then(() => new Promise((resolve) => setImmediate(() => setImmediate(resolve))));
  return mine;
}

function startChild(command: Command, path: string): Child {
  command.signal?.throwIfAborted();
  const { file, args, brief, cwd, as } = command;
  const direct = brief === true && cwd === undefined && as === undefined;
  const connection = command.connection === undefined ? undefined : descriptor(command.connection);
  const spawned = () =>
    execa(direct ? file : "setpriv", direct ? args : setprivArgs(command), {
      env: { ...fixedEnvironment, PATH: path, ...command.env },
      extendEnv: false,
      stdio: [
        connection ?? (command.stdin === undefined ? "ignore" : "pipe"),
        connection ?? (command.silent === true ? "ignore" : "pipe"),
        "pipe",
        ...(command.fds ?? []).map(descriptor),
      ],
      buffer: false,
      encoding: "buffer",
      reject: false,
      // its own process group, so that what it starts is stopped with it
      detached: true,
      cleanup: false,
    });
  const child = command.gatherMs === undefined ? spawned() : withoutReadingAhead(spawned);
  // settles when it could not be started as well, for which Node has no event when spawn itself throws (E2BIG)
  const failure = child.then((result) => result.cause ?? result);
  return new RunningChild(command, child.nodeChildProcess, failure);
}

/** Any will do, of which execa's types know the first few. */
function descriptor(fd: number): 3 {
  return fd as 3;
}

/**
 * The pipes that `make` opens are read when somebody wants what is in them, and not, as Node does by default, whenever
 * something comes, up to 64 KiB ahead: what is not read yet gathers in the pipe, and costs nothing.
 */
function withoutReadingAhead<T>(make: () => T): T {
  const usualBytes = getDefaultHighWaterMark(false);
  setDefaultHighWaterMark(false, 1);
  try {
    return make();
  } finally {
    setDefaultHighWaterMark(false, usualBytes);
  }
}

/**
 * A working directory is entered by the child itself, with our rights, and not by spawn: that would wait for it in the
 * agent's own thread, for ever on a mount that hangs.
 */
function setprivArgs({ file, args, cwd, as }: Command): string[] {
  const dieWithUs = ["--pdeathsig", "KILL"];
  const user =
    as === undefined
      ? []
      : [
          ...["--reuid", `${as.uid}`, "--regid", `${as.gid}`],
          ...(as.groups === undefined ? ["--init-groups"] : ["--groups", as.groups.join(",")]),
          "--no-new-privs",
          ...(as.guarded === true
            ? ["bounding-set", "inh-caps", "ambient-caps"].map((set) => `--${set}=-all,+setpcap`)
            : ["--inh-caps=-all"]),
        ];
  const enter = cwd === undefined ? [] : [...dieWithUs, "--", "env", `--chdir=${cwd}`, "setpriv"];
  return [...enter, ...dieWithUs, ...user, "--", file, ...args];
}

class RunningChild implements Child {
  readonly finished: Promise<Finished>;
  readonly #command: Command;
  readonly #child: ChildProcess;
  readonly #stdout: Buffer[] = [];
  #stdoutBytes = 0;
  /** One character a byte. */
  #stderr = "";
  /** A piece of standard output is with the one who wants it, who may be slow. */
  #taking = false;
  /** Why we ended it ourselves, if we did. */
  #reason: unknown;
  #exited = false;
  readonly #givenUp = Promise.withResolvers<never>();
  #isGivenUp = false;
  #ending = false;

  /** @param failure settles when the child is over; with the reason, if it was never started */
  constructor(command: Command, child: ChildProcess, failure: Promise<unknown>) {
    this.#command = command;
    this.#child = child;
    this.#givenUp.promise.catch(() => undefined);
    this.finished = this.#run(failure);
    if (child.pid !== undefined) {
      command.onStart?.({
        pid: child.pid,
        pause: () => this.#pause(),
        resume: () => this.#resume(),
      });
    }
    // a caller may look only later, or never when it stops the child
    this.finished.catch(() => undefined);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async stop(): Promise<void> {
    await this.#end(undefined);
    await this.finished.catch(() => undefined);
  }

  async #run(failure: Promise<unknown>): Promise<Finished> {
    const { deadlineMs, signal, file, cwd } = this.#command;
    const exited = new Promise<Pick<Finished, "exitCode" | "signal">>((resolve, reject) => {
      const notStarted = (cause: unknown) =>
        reject(hasErrno(cause, "ENOENT") ? missing(file) : couldNotStart(file, cause));
      this.#child.once("error", notStarted);
      if (this.#child.pid === undefined) failure.then(notStarted, notStarted);
      this.#child.once("exit", (code, name) => {
        this.#exited = true;
        if (this.#command.endsItsGroup === true) this.#signal("group", "SIGKILL");
        resolve(name === null ? { exitCode: code ?? 0 } : { exitCode: 128 + constants.signals[name], signal: name });
      });
    });
    const onAbort = () => void this.#end(signal?.reason ?? new LuksmithError("cancelled", `${file} was cancelled`));
    signal?.addEventListener("abort", onAbort, { once: true });
    const timer =
      deadlineMs === undefined
        ? undefined
        : setTimeout(
            () =>
              void this.#end(
                new LuksmithError("tool_failed", `${file} did not end within ${Math.round(deadlineMs / 1000)} s`),
              ),
            deadlineMs,
          );
    try {
      const streams = Promise.all([this.#feed(), this.#readStdout(), this.#readStderr()]);
      streams.catch((error: unknown) => void this.#end(error));
      const end = await Promise.race([exited, this.#givenUp.promise]);
      await this.#drain(streams);
      this.#child.stdout?.destroy();
      this.#child.stderr?.destroy();
      if (this.#reason !== undefined) throw this.#reason;
      const stderr = Buffer.from(this.#stderr, "latin1").toString("utf8").trimEnd();
      if (end.exitCode === 127 && stderr.startsWith("setpriv: failed to execute")) {
        throw missing(file);
      }
      if (end.exitCode === 125 && cwd !== undefined && stderr.startsWith("env: cannot change directory")) {
        throw couldNotStart(file, stderr);
      }
      return { ...end, stdout: Buffer.concat(this.#stdout), stderr };
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** After the exit: until the pipes end, but not for long when they do not. The time that a slow taker takes is not theirs. */
  async #drain(streams: Promise<unknown>): Promise<void> {
    const ended = streams.then(
      () => true,
      () => true,
    );
    for (let waitedMs = 0; waitedMs < pipeDrainMs && this.#reason === undefined; ) {
      const step = new Promise<false>((resolve) => setTimeout(() => resolve(false), pipeDrainStepMs).unref());
      if (await Promise.race([ended, step])) return;
      if (!this.#taking) waitedMs += pipeDrainStepMs;
    }
  }

  async #feed(): Promise<void> {
    const { stdin } = this.#command;
    const pipe = this.#child.stdin;
    if (stdin === undefined || pipe === null || pipe === undefined) return;
    // a child that does not read all of it (it failed, or had enough) is judged by its exit code
    pipe.on("error", () => undefined);
    if (typeof stdin === "string" || stdin instanceof Uint8Array) pipe.end(stdin);
    else stdin.pipe(pipe);
  }

  async #readStdout(): Promise<void> {
    const { onStdout, gatherMs, file } = this.#command;
    const pipe = this.#child.stdout;
    if (!pipe) return;
    if (onStdout === undefined) {
      await readAll(pipe, (chunk) => {
        this.#stdoutBytes += chunk.length;
        if (this.#stdoutBytes > stdoutLimitBytes) throw new LuksmithError("tool_failed", `${file} printed too much`);
        this.#stdout.push(chunk);
      });
      return;
    }
    for await (const chunk of pipe as AsyncIterable<Buffer>) {
      this.#taking = true;
      await onStdout(chunk);
      this.#taking = false;
      if (gatherMs !== undefined && chunk.length < muchBytes) await this.#restUntilExit(gatherMs);
    }
  }

  async #restUntilExit(ms: number): Promise<void> {
    if (this.#exited) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(end, ms);
      const child = this.#child;
      function end() {
        clearTimeout(timer);
        child.off("exit", end);
        resolve();
      }
      child.once("exit", end);
    });
  }

  async #readStderr(): Promise<void> {
    if (!this.#child.stderr) return;
    await readAll(this.#child.stderr, (chunk) => {
      this.#command.onStderr?.(chunk);
      this.#stderr = lastLines(this.#stderr + chunk.toString("latin1"));
    });
  }

  /** Ends the group: politely, then not. */
  async #end(reason: unknown): Promise<void> {
    this.#reason ??= reason;
    if (this.#exited || this.#isGivenUp) return;
    this.#ending = true;
    this.#signal("group", this.#command.endsUntidily === true ? "SIGKILL" : "SIGTERM");
    // one that stands still would not hear it
    this.#signal("child", "SIGCONT");
    let timer = setTimeout(() => {
      this.#signal("group", "SIGKILL");
      timer = setTimeout(() => this.#giveUp(), unkillableAfterMs);
    }, this.#command.graceMs ?? defaultGraceMs);
    this.#child.once("exit", () => {
      clearTimeout(timer);
      // what the child had started and left behind in its group
      this.#signal("group", "SIGKILL");
    });
  }

  /** Nobody waits for it any longer: what it hangs on may have to be broken by the one who waited. */
  #giveUp(): void {
    if (this.#exited) return;
    this.#isGivenUp = true;
    this.#child.unref();
    for (const pipe of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) pipe?.destroy();
    const { file } = this.#command;
    this.#givenUp.reject(this.#reason ?? new LuksmithError("tool_failed", `${file} hangs and cannot be killed`));
  }

  #pause(): void {
    if (!this.#ending && !this.#exited) this.#signal("child", "SIGSTOP");
  }

  #resume(): void {
    if (!this.#exited) this.#signal("child", "SIGCONT");
  }

  #signal(whom: "child" | "group", name: "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(whom === "group" ? -this.#child.pid : this.#child.pid, name);
    } catch {
      // ESRCH: it is gone, which is what was wanted
    }
  }
}

/**
 * Until the pipe is closed. Half of what `for await` costs, which is for those who are waited for.
 * @throws what `take` throws, or reading fails with
 */
function readAll(pipe: Readable, take: (chunk: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    pipe.on("data", (chunk: Buffer) => {
      try {
        take(chunk);
      } catch (error) {
        pipe.pause();
        reject(error);
      }
    });
    pipe.once("error", reject).once("close", resolve);
  });
}

function missing(file: string): LuksmithError {
  return new LuksmithError("tool_failed", `${file} is not installed`, { hint: "luksmith doctor" });
}

function couldNotStart(file: string, cause: unknown): LuksmithError {
  return new LuksmithError("tool_failed", `could not start ${file}`, { cause });
}

function lastLines(text: string): string {
  const recent = text.length > stderrKeptBytes ? text.slice(-stderrKeptBytes) : text;
  const lines = recent.split("\n");
  return lines.length > stderrKeptLines + 1 ? lines.slice(-stderrKeptLines - 1).join("\n") : recent;
}

/** The end of what a tool said, fit for an error message: its last line that says something. */
export function lastWords(finished: Finished): string {
  return finished.stderr.trim().split("\n").at(-1)?.trim() || `exit code ${finished.exitCode}`;
}

/** Runs a command that has to succeed. @throws {LuksmithError} "tool_failed" with the tool's last words */
export async function mustRun(exec: Exec, command: Command): Promise<void> {
  await succeeding(exec, { ...command, silent: command.onStdout === undefined });
}

/** As {@link mustRun}. @returns what it printed on standard output */
export async function mustRead(exec: Exec, command: Command): Promise<Buffer> {
  return (await succeeding(exec, command)).stdout;
}

async function succeeding(exec: Exec, command: Command): Promise<Finished> {
  const finished = await exec(command);
  if (finished.exitCode !== 0) {
    throw new LuksmithError("tool_failed", `${command.file} failed: ${lastWords(finished)}`, { cause: finished });
  }
  return finished;
}
