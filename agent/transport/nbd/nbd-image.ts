/** The image as the helper shows it. */

import { asLuksmithError, LuksmithError } from "../../../common/errors.ts";
import type { ProbeResponse } from "../../../proto/gen/luksmith/v1/helper.ts";
import type { RemoteConfig } from "../../config/remote.ts";
import type { HelperSession } from "../../helper-session/helper-session.ts";
import { makeDirectory } from "../../remote/ssh-failure.ts";
import { imageExists } from "../image-errors.ts";
import type { HostRoom, ImageStat, RemoteImage } from "../transport.ts";

export class NbdImage implements RemoteImage {
  readonly isThere: boolean;
  readonly whyNoHoles: string | undefined;
  readonly #session: HelperSession;
  readonly #remote: RemoteConfig;
  readonly #path: string;
  readonly #can: ProbeResponse;
  /** To be taken back when nothing serves it any more. */
  isDiscarded = false;

  /** @param path as the helper knows it @param can what the helper has said of its host */
  constructor(session: HelperSession, remote: RemoteConfig, path: string, isThere: boolean, can: ProbeResponse) {
    this.#session = session;
    this.#remote = remote;
    this.#path = path;
    this.isThere = isThere;
    this.#can = can;
    this.whyNoHoles = can.punchesHoles ? undefined : can.noHolesReason || "it does not say why";
  }

  async stat(signal: AbortSignal): Promise<ImageStat | undefined> {
    return await statImage(this.#session, this.#path, signal);
  }

  async create(bytes: number): Promise<void> {
    if (this.isThere) throw imageExists(this.#remote.name, this.#path);
    try {
      await this.#session.call("createImage", { image: this.#path, bytes }, this.#session.lost);
    } catch (error) {
      const { code, message } = asLuksmithError(error);
      if (code === "exists") throw imageExists(this.#remote.name, this.#path);
      if (code !== "not_found") throw error;
      throw new LuksmithError("not_found", `the image cannot be made on ${this.#remote.name}: ${message}`, {
        hint: `make the directory on the backup host first: ${makeDirectory(this.#remote)}`,
      });
    }
  }

  async discard(): Promise<void> {
    this.isDiscarded = true;
  }

  /** As it was when the session began. */
  async room(): Promise<HostRoom> {
    const { freeBytes, maxImageBytes } = this.#can;
    return { freeBytes, mostImageBytes: maxImageBytes === 0 ? undefined : maxImageBytes };
  }

  async grow(bytes: number, signal: AbortSignal): Promise<void> {
    const there = await this.stat(signal);
    if (there !== undefined && there.bytes >= bytes) return;
    await this.#session.call("resizeImage", { image: this.#path, bytes, shrink: false }, signal);
  }

  async shrink(bytes: number, signal: AbortSignal): Promise<void> {
    const there = await this.stat(signal);
    if (there !== undefined && there.bytes <= bytes) return;
    await this.#session.call("resizeImage", { image: this.#path, bytes, shrink: true }, signal);
  }
}

/** @returns undefined when there is none */
export async function statImage(
  session: HelperSession,
  image: string,
  signal: AbortSignal,
): Promise<ImageStat | undefined> {
  try {
    const { bytes, allocatedBytes, modifiedAt } = await session.call("statImage", { image }, signal);
    return { bytes, allocatedBytes, writtenAt: modifiedAt };
  } catch (error) {
    if (asLuksmithError(error).code === "not_found") return undefined;
    throw error;
  }
}
