/** A directory on the backup host for the time of a setup, with what was sent there. */

import { LuksmithError } from "../../common/errors.ts";
import { formatBytes } from "../../common/units.ts";
import type { AdminSsh } from "./admin-ssh.ts";
import type { FarSide } from "./far-side.ts";
import { type Program, type Programs, runsOn } from "./programs.ts";

const installedNode = "/usr/local/lib/luksmith/node";
/** Not /tmp, which is often in memory: Node has a hundred megabytes. */
const place = /^\/var\/tmp\/luksmith-setup\.[A-Za-z0-9]{10}$/;

export class Stage implements AsyncDisposable {
  readonly #ssh: AdminSsh;
  readonly #directory: string;
  /** In front of a command that root runs. */
  readonly #asRoot: string;
  #node = installedNode;

  private constructor(ssh: AdminSsh, directory: string, asRoot: string) {
    this.#ssh = ssh;
    this.#directory = directory;
    this.#asRoot = asRoot;
  }

  /** @throws {LuksmithError} "refused" when what arrives is not what was sent */
  static async send(
    ssh: AdminSsh,
    far: FarSide,
    programs: Programs,
    say: (line: string) => void,
    signal: AbortSignal,
  ): Promise<Stage> {
    // where sudo wants a password, it is asked for once, at the end: until then all is done as the administrator
    const asRoot = far.rights === "sudo" ? "sudo -n -- " : "";
    const made = await ssh.run(`${asRoot}sh -c 'umask 077 && mktemp -d /var/tmp/luksmith-setup.XXXXXXXXXX'`, {
      signal,
    });
    const directory = made.stdout.trim();
    if (made.exitCode !== 0 || !place.test(directory)) {
      throw new LuksmithError("tool_failed", `${ssh.destination} makes no directory in /var/tmp`);
    }
    const stage = new Stage(ssh, directory, asRoot);
    try {
      const needsNode = far.node !== programs.node.sha256 && runsOn(far.hardware);
      if (!needsNode && far.node === undefined) throw otherHardware(far.hardware);
      if (needsNode) {
        await stage.#put(programs.node, say, signal);
        stage.#node = `${directory}/${programs.node.name}`;
      }
      await stage.#put(programs.helper, say, signal);
      await stage.#put(programs.gate, say, signal);
      return stage;
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ssh.run(`${this.#asRoot}rm -rf ${this.#directory}`).catch(() => undefined);
  }

  /** For one that is read from there, since standard input is a terminal's. */
  async putRequest(json: string, signal: AbortSignal): Promise<string> {
    const path = `${this.#directory}/request.json`;
    const { exitCode } = await this.#ssh.run(`sh -c 'umask 077 && cat > ${path}'`, { stdin: json, signal });
    if (exitCode === 0) return path;
    throw new LuksmithError("tool_failed", `${this.#ssh.destination} does not keep what it is sent`);
  }

  /** @param options constants, and words that have been checked */
  helperCommand(options: readonly string[], prefix = this.#asRoot): string {
    return `${prefix}${this.#node} ${this.#directory}/luksmith-helper.mjs setup ${options.join(" ")}`;
  }

  async #put({ name, path, bytes, sha256 }: Program, say: (line: string) => void, signal: AbortSignal): Promise<void> {
    say(`sending ${name} (${formatBytes(bytes)})`);
    const there = `${this.#directory}/${name}`;
    const sent = await this.#ssh.run(
      `${this.#asRoot}sh -c 'umask 077 && cat > ${there} && chmod 700 ${there} && sha256sum ${there}'`,
      {
        stdin: { file: path },
        signal,
      },
    );
    if (sent.exitCode === 0 && sent.stdout.startsWith(`${sha256} `)) return;
    throw new LuksmithError("refused", `${name} has not arrived at ${this.#ssh.destination} as it was sent`, {
      hint: "is there room in /var/tmp? df /var/tmp",
    });
  }
}

function otherHardware(hardware: string): LuksmithError {
  return new LuksmithError(
    "refused",
    `the backup host is a ${hardware}, for which the Node of this machine does not run`,
    {
      hint: `put Node ${process.versions.node} for ${hardware} at ${installedNode} there, and begin again: nodejs.org/dist has it`,
    },
  );
}
