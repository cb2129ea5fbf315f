/** The image as a file on the mount. Children touch it: the host may never answer. */

import { dirname } from "node:path";
import { LuksmithError } from "../../../common/errors.ts";
import { mustRun } from "../../../common/exec.ts";
import type { RemoteConfig } from "../../config/remote.ts";
import { makeDirectory } from "../../remote/ssh-failure.ts";
import type { Host } from "../../system/host.ts";
import { volumeDeadlineMs } from "../../tools/deadlines.ts";
import { removeRemoteFiles, statRemote } from "../../tools/remote-file.ts";
import { imageExists } from "../image-errors.ts";
import type { HostRoom, ImageStat, RemoteImage } from "../transport.ts";
import { freeBytesOf } from "./host-trouble.ts";

export interface SshfsImageSpec {
  readonly remote: RemoteConfig;
  /** On the mount. */
  readonly path: string;
  readonly isThere: boolean;
  readonly lost: AbortSignal;
}

export class SshfsImage implements RemoteImage {
  readonly isThere: boolean;
  readonly whyNoHoles = "SFTP cannot punch holes";
  readonly #host: Host;
  readonly #spec: SshfsImageSpec;

  constructor(host: Host, spec: SshfsImageSpec) {
    this.#host = host;
    this.#spec = spec;
    this.isThere = spec.isThere;
  }

  async stat(signal: AbortSignal): Promise<ImageStat | undefined> {
    const found = await statRemote(this.#host.exec, this.#spec.path, signal);
    return found && { ...found, writtenAt: new Date(found.writtenSeconds * 1000) };
  }

  async create(bytes: number): Promise<void> {
    const { remote, path, isThere, lost } = this.#spec;
    if (isThere) throw imageExists(remote.name, path);
    const args = ["if=/dev/null", `of=${path}`, "bs=4096", "count=0", "conv=excl", "status=none"];
    const { exitCode, stderr } = await this.#host.exec({
      file: "dd",
      args: [...args, `seek=${bytes / 4096}`],
      deadlineMs: volumeDeadlineMs,
      signal: lost,
    });
    if (exitCode === 0) return;
    if (stderr.includes("File exists")) throw imageExists(remote.name, path);
    const why = stderr.split(": ").at(-1) ?? "";
    const missing = stderr.includes("No such file or directory");
    throw new LuksmithError(
      missing ? "not_found" : "tool_failed",
      `the image cannot be made on ${remote.name}: ${why}`,
      {
        hint: missing
          ? `make the directory on the backup host first: ${makeDirectory(remote)}`
          : "does the directory on the backup host belong to that user, and is there room",
      },
    );
  }

  async discard(): Promise<void> {
    await removeRemoteFiles(this.#host.exec, [this.#spec.path]);
  }

  async room(signal: AbortSignal): Promise<HostRoom> {
    const freeBytes = await freeBytesOf(this.#host.exec, dirname(this.#spec.path), signal);
    return { freeBytes, mostImageBytes: undefined };
  }

  async grow(bytes: number, signal: AbortSignal): Promise<void> {
    // ">N" enlarges and never shrinks (truncate(1))
    const args = ["--no-create", `--size=>${bytes}`, "--", this.#spec.path];
    await mustRun(this.#host.exec, { file: "truncate", args, deadlineMs: volumeDeadlineMs, signal });
  }

  async shrink(bytes: number, signal: AbortSignal): Promise<void> {
    // "<N" cuts and never enlarges (truncate(1))
    const args = ["--no-create", `--size=<${bytes}`, "--", this.#spec.path];
    await mustRun(this.#host.exec, { file: "truncate", args, deadlineMs: volumeDeadlineMs, signal });
  }
}
