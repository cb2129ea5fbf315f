/** One trial of the machine's key: connections as the agent makes them, but for what the trial is to ask for besides. */

import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Finished } from "../../../common/exec.ts";
import type { RemoteConfig } from "../../config/remote.ts";
import type { Host } from "../../system/host.ts";
import { sshAlias } from "../ssh-config.ts";
import { writeSshConfig } from "../ssh-config-file.ts";

/** For the host's own answer, after the connection. */
const answerMs = 30_000;

export class Trial implements AsyncDisposable {
  readonly host: Host;
  readonly remote: RemoteConfig;
  /** On this machine, root's alone: what is fetched goes there. */
  readonly directory: string;
  readonly #configFile: string;
  readonly #signal: AbortSignal;

  private constructor(host: Host, remote: RemoteConfig, directory: string, configFile: string, signal: AbortSignal) {
    this.host = host;
    this.remote = remote;
    this.directory = directory;
    this.#configFile = configFile;
    this.#signal = signal;
  }

  static async begin(host: Host, remote: RemoteConfig, signal: AbortSignal): Promise<Trial> {
    const above = join(host.runtimeDir, "ssh");
    await mkdir(above, { recursive: true, mode: 0o700 });
    const directory = await mkdtemp(join(above, "check-"));
    const configFile = join(directory, "config");
    await writeSshConfig(host, remote, configFile);
    return new Trial(host, remote, directory, configFile, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  /** A name that nothing has there, or prints by itself. */
  static word(): string {
    return `luksmith-check-${randomBytes(8).toString("hex")}`;
  }

  /** @param options of ssh(1), which count before those of the file @param command empty for a shell */
  ssh(
    options: readonly string[],
    command: readonly string[],
    stdin = "",
    env: Readonly<Record<string, string>> = {},
  ): Promise<Finished> {
    return this.host.exec({
      file: "ssh",
      args: ["-o", "LogLevel=INFO", ...options, "-F", this.#configFile, "--", sshAlias(this.remote), ...command],
      stdin,
      env,
      deadlineMs: this.remote.connectTimeoutMs + answerMs,
      signal: this.#signal,
    });
  }

  /** Commands of sftp(1), which goes on after one that fails only if it begins with "-". @param options of ssh */
  sftp(commands: readonly string[], options: readonly string[] = []): Promise<Finished> {
    return this.host.exec({
      file: "sftp",
      args: [...options, "-F", this.#configFile, "-b", "-", "--", sshAlias(this.remote)],
      stdin: commands.map((command) => `${command}\n`).join(""),
      deadlineMs: this.remote.connectTimeoutMs + answerMs,
      signal: this.#signal,
    });
  }
}

/** What each command of a batch has printed: sftp repeats it first. Pure. */
export function outputOf(said: string, command: string): string[] {
  const lines = said.split("\n");
  const begin = lines.indexOf(`sftp> ${command}`);
  if (begin === -1) return [];
  const rest = lines.slice(begin + 1);
  const end = rest.findIndex((line) => line.startsWith("sftp> "));
  return (end === -1 ? rest : rest.slice(0, end)).filter((line) => line !== "");
}
