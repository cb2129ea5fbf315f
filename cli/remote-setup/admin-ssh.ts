/**
 * The administrator's own ssh to the backup host: with their keys, their agent, their configuration, and the terminal for what ssh
 * may want to ask. That is why it is started here and not as the agent starts programs, without any of these. The first command
 * connects, and the others go through its connection, so that a password is asked for once.
 */

// as a whole: named, it would be read with the help of the command line, which shares it (scripts/builtin-imports.ts)
import childProcess, { type ChildProcess } from "node:child_process";
import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LuksmithError } from "../../common/errors.ts";

export interface AdminTarget {
  /** USER@HOST, or a name that the administrator's ssh knows. */
  readonly destination: string;
  readonly port: number | undefined;
  /** As ssh takes them after -o; they count before ours. */
  readonly options: readonly string[];
  /** Host keys that the agent trusts there, "ssh-ed25519 AAAA..."; none to leave that to the administrator's known_hosts. */
  readonly hostKeys: readonly string[];
}

export interface Answer {
  readonly exitCode: number;
  readonly stdout: string;
}

/** What ssh itself ends with when it does not come to the command (ssh(1), "EXIT STATUS"). */
const sshFailed = 255;
const hostAlias = "luksmith-setup";
const stdoutMax = 2 ** 20;

export class AdminSsh implements AsyncDisposable {
  readonly destination: string;
  readonly #directory: string;
  readonly #args: readonly string[];

  static async open(target: AdminTarget): Promise<AdminSsh> {
    // short: the path of a socket has 108 bytes
    const directory = await mkdtemp(join(tmpdir(), "lm-ssh-"));
    const known = join(directory, "known_hosts");
    await writeFile(known, target.hostKeys.map((key) => `${hostAlias} ${key}\n`).join(""), { mode: 0o600 });
    return new AdminSsh(target, directory, known);
  }

  private constructor({ destination, port, options, hostKeys }: AdminTarget, directory: string, known: string) {
    this.destination = destination;
    this.#directory = directory;
    const ours = [
      ...(port === undefined ? [] : [`Port=${port}`]),
      ...(hostKeys.length === 0
        ? []
        : [
            `UserKnownHostsFile=${known}`,
            `HostKeyAlias=${hostAlias}`,
            "StrictHostKeyChecking=yes",
            "UpdateHostKeys=no",
          ]),
      `ControlPath=${join(directory, "s")}`,
      "ControlMaster=auto",
      "ControlPersist=60",
      "ClearAllForwardings=yes",
      "ServerAliveInterval=15",
    ];
    this.#args = [...options, ...ours].flatMap((option) => ["-o", option]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const leaving = childProcess.spawn("ssh", [...this.#args, "-O", "exit", "--", this.destination], {
      stdio: "ignore",
    });
    await ended(leaving).catch(() => undefined);
    await rm(this.#directory, { recursive: true, force: true });
  }

  /**
   * @param command for the shell there: of constants and words that have been checked, and nothing else
   * @param onLine gets standard output line by line, which is then not kept
   * @throws {LuksmithError} "unreachable" when ssh does not get there; "cancelled"
   */
  async run(
    command: string,
    {
      stdin,
      onLine,
      signal,
    }: { stdin?: string | { file: string }; onLine?: (line: string) => void; signal?: AbortSignal } = {},
  ): Promise<Answer> {
    signal?.throwIfAborted();
    const child = childProcess.spawn("ssh", [...this.#args, "-T", "--", this.destination, command], {
      stdio: [stdin === undefined ? "ignore" : "pipe", "pipe", "inherit"],
    });
    const stop = () => child.kill();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      feed(child, stdin);
      const [exitCode, stdout] = await Promise.all([ended(child), collect(child, onLine)]);
      signal?.throwIfAborted();
      return this.#reached(exitCode, stdout);
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /** With the administrator's terminal as the command's own, for sudo to ask for a password. */
  async runOnTerminal(command: string): Promise<Answer> {
    const child = childProcess.spawn("ssh", [...this.#args, "-t", "--", this.destination, command], {
      stdio: "inherit",
    });
    return this.#reached(await ended(child), "");
  }

  #reached(exitCode: number, stdout: string): Answer {
    if (exitCode !== sshFailed) return { exitCode, stdout };
    throw new LuksmithError("unreachable", `ssh does not get to ${this.destination}`, {
      hint: "what it said stands above; --admin USER@HOST names another administrator, --ssh-option what ssh needs besides",
    });
  }
}

function feed(child: ChildProcess, stdin: string | { file: string } | undefined): void {
  // one that ends early says why by its exit code
  child.stdin?.on("error", () => undefined);
  if (typeof stdin === "string") child.stdin?.end(stdin);
  else if (stdin !== undefined && child.stdin) createReadStream(stdin.file).pipe(child.stdin);
}

/** @returns what is kept of it */
async function collect(child: ChildProcess, onLine: ((line: string) => void) | undefined): Promise<string> {
  let kept = "";
  child.stdout?.setEncoding("utf8");
  for await (const chunk of child.stdout ?? []) {
    kept += chunk;
    if (kept.length > stdoutMax)
      throw new LuksmithError("tool_failed", "the backup host says more than anybody asked for");
    if (onLine === undefined) continue;
    const lines = kept.split("\n");
    kept = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
  return kept;
}

function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause) =>
      reject(
        new LuksmithError("tool_failed", "ssh cannot be started", { hint: "apt-get install openssh-client", cause }),
      ),
    );
    child.once("exit", (code, signal) => resolve(code ?? (signal === null ? 1 : 130)));
  });
}
