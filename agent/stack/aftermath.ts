/**
 * After the work on an attached volume has failed: what it came of, and how what lies in memory is kept from being written down as
 * if nothing had been lost.
 */

import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import { dmDevice } from "../system/block-devices.ts";
import type { Host } from "../system/host.ts";
import { wipeDm } from "../tools/dmsetup.ts";
import { JournalError } from "../tools/filesystem.ts";
import { noticeLoss, type RemoteImage, type Transport } from "../transport/transport.ts";
import type { StackNames } from "./names.ts";

/** What is attached. */
interface Reached {
  readonly image: RemoteImage;
  readonly transport: Transport;
}

export class Aftermath {
  readonly #host: Host;
  readonly #names: StackNames;
  readonly #breakTransport: () => Promise<void>;
  #lost: AbortSignal | undefined;
  #reached: Reached | undefined;
  #isWritten = false;
  #isImageGone = false;

  constructor(host: Host, names: StackNames, breakTransport: () => Promise<void>) {
    this.#host = host;
    this.#names = names;
    this.#breakTransport = breakTransport;
  }

  /** @param lost aborted when the connection is */
  connected(lost: AbortSignal): void {
    this.#lost = lost;
  }

  /** @param isWritten whether it is attached for writing */
  attached(reached: Reached, isWritten: boolean): void {
    this.#reached = reached;
    this.#isWritten = isWritten;
  }

  /**
   * What keeps the host from taking what is written; undefined when it takes it.
   * @throws when that cannot be found out
   */
  async hostTrouble(): Promise<LuksmithError | undefined> {
    if (this.#reached === undefined || this.#lost === undefined) return undefined;
    return this.#reached.transport.trouble(this.#names.volume, this.#lost);
  }

  /**
   * What an error came of: where the connection is gone, or the host takes no data, it is that, and not what failed because of
   * it.
   */
  async rootCause(error: unknown): Promise<unknown> {
    const lost = this.#lost;
    if (lost === undefined || !(error instanceof LuksmithError)) return error;
    // what a file system says that has lost its disk may look like damage
    if (error.code !== "tool_failed" && error.code !== "tampered") return error;
    if (await noticeLoss(this.#host.clock, lost)) return lost.reason;
    if (error.code === "tampered") return error;
    // of what only reads, a replay is all that writes
    if (!this.#isWritten && !(error instanceof JournalError)) return error;
    const trouble = await this.hostTrouble().catch(() => undefined);
    return trouble === undefined ? error : new LuksmithError(trouble.code, trouble.message, withCause(trouble, error));
  }

  /**
   * After a failed write nothing more may reach the image. The kernel tells of each once; whoever syncs next, if only by
   * unmounting, would write down files as whole whose data were lost.
   */
  async stopWriting(error: unknown): Promise<void> {
    if (!this.#isWritten || this.#lost?.aborted || !mayBeFailedWrite(error)) return;
    const { exec, log } = this.#host;
    try {
      if ((await dmDevice(this.#names.mapping)) !== undefined) await wipeDm(exec, this.#names.mapping);
    } catch (cause) {
      log.warn({ err: cause, volume: this.#names.volume }, "the mapping cannot be closed: breaking the transport");
      await this.#breakTransport();
    }
  }

  /** Known after the release: the image was deleted on the host, and what was written went with it. */
  get isImageGone(): boolean {
    return this.#isImageGone;
  }

  /** To be asked while the mount still is there. */
  async lookForImage(): Promise<void> {
    const { image } = this.#reached ?? {};
    if (image === undefined || !this.#isWritten || this.#lost?.aborted) return;
    this.#isImageGone = (await image.stat(this.#lost ?? new AbortController().signal)) === undefined;
  }
}

/** Everything but what is known to be something else. */
function mayBeFailedWrite(error: unknown): boolean {
  return ["tool_failed", "tampered", "internal"].includes(asLuksmithError(error).code);
}

function withCause({ hint }: LuksmithError, cause: unknown) {
  return hint === undefined ? { cause } : { hint, cause };
}
