/**
 * Another volume key for a volume whose data stay where they are, so that it opens whenever it is interrupted.
 *
 * cryptsetup does it piece by piece. Before it writes a piece, the header says which one that is and holds its old bytes; after it, the
 * header says how far it has come. That header is the pinned one, and the stored one at the same moment (header-mirror.ts): what the
 * backup host makes of its own is never read, and should this machine be lost, the image is opened by what is stored in it.
 *
 * A header that holds two volume keys is made on a copy, which takes the pinned one's place once `pending: reencrypt` is written down.
 * From then on there is no way but forward. Whatever comes next to write to the volume goes on.
 */

import { chmod, copyFile, open, rename, rm, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory } from "../../common/durable-file.ts";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import type { RunContext } from "../runs/context.ts";
import { ProgressMeter } from "../runs/progress-meter.ts";
import { withRelease } from "../stack/attach.ts";
import { mirrorHeader } from "../stack/header-mirror.ts";
import { type Locked, requireFlushes, Stack, type Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { dumpHeader, slotOf } from "../tools/cryptsetup.ts";
import { isMirrorWhole, removeDm, wipeDm } from "../tools/dmsetup.ts";
import { parseLuksHeader } from "../tools/luks-header.ts";
import { beginReencryption, continueReencryption, recoverReencryption } from "../tools/reencrypt.ts";
import { explainDisk, KeyChange } from "./key-change.ts";
import { keySourceText, readKey } from "./key-source.ts";
import { type PinStore, settled } from "./pin.ts";
import { headerChanges, headerDifference, sendHeader } from "./stored-header.ts";

const lookMs = 2000;

export interface NewVolumeKey {
  /** What opens the slots that stay, in the order of their numbers, the agent's own among them. */
  readonly keys: readonly Uint8Array[];
  /** Slots that nobody has given the key of. */
  readonly goes: readonly number[];
}

export class Reencryption {
  readonly #host: Host;
  readonly #pins: PinStore;
  readonly #target: Target;

  constructor(host: Host, pins: PinStore, target: Target) {
    this.#host = host;
    this.#pins = pins;
    this.#target = target;
  }

  /** Until this returns nothing has changed; then it has begun, and {@link toItsEnd} is what there is to do. */
  async begin({ keys, goes }: NewVolumeKey, locked: Locked, run: RunContext): Promise<void> {
    const { exec } = this.#host;
    const { headerFile, pin, volume } = this.#target;
    const { signal, imageDevice, names, transportDevice } = locked;
    const change = new KeyChange(this.#host, this.#pins, this.#target);
    const copy = this.#copy;
    await rm(copy, { force: true });
    try {
      await copyFile(headerFile, copy);
      await chmod(copy, 0o600);
      // at its end cryptsetup lets the area of the key slots reach up to the data
      const bytes = pin.dataOffsetBytes;
      await truncate(copy, bytes);
      // that the kernel can do it has to be known before
      await mirrorHeader(this.#host, names, { headerFile: copy, bytes, transportDevice }, signal);
      await removeDm(exec, [names.header]);
      for (const slot of goes) await change.removeSlot(copy, await change.header(signal), slot, signal);
      await beginReencryption(exec, { header: copy, device: imageDevice, keys, kdf: volume.kdf }, signal);
      await this.#requireOwnKey(copy, signal);
      signal.throwIfAborted();
      await chmod(copy, 0o400);
      await syncFile(copy);
      await syncDirectory(dirname(copy));
      await this.#pins.write(volume.name, { ...pin, pending: "reencrypt" });
      run.note("from here on it can be interrupted, and gone on with, but not taken back");
    } catch (error) {
      if ((await this.#pins.require(volume.name)).pending !== "reencrypt") await rm(copy, { force: true });
      throw explainDisk(error, dirname(headerFile));
    }
  }

  /** From wherever it is. */
  async toItsEnd(locked: Locked, run: RunContext): Promise<void> {
    const { exec } = this.#host;
    const { headerFile, volume } = this.#target;
    await rename(this.#copy, headerFile).catch((error: unknown) => {
      if (!hasErrno(error, "ENOENT")) throw error;
    });
    await syncDirectory(dirname(headerFile));
    const header = parseLuksHeader(await dumpHeader(exec, headerFile, locked.signal));
    if (header.hasTouchedData) await this.#requireAsLeft(locked);
    const renew = () =>
      run.step("renew the stored header", async () => {
        if ((await headerDifference(exec, headerFile, locked)) !== undefined)
          await sendHeader(exec, headerFile, locked);
      });
    // the pinned one counts: of a write that was under way, the stored one may have more, or less
    await renew();
    if (header.isReencrypting) {
      await run.step("re-encrypt", () => this.#reencrypt(locked, run));
      await renew();
    }
    await this.#requireOwnKey(headerFile, locked.signal);
    await this.#pins.write(volume.name, settled(await this.#pins.require(volume.name)));
  }

  /**
   * An older copy of the image that somebody has put back has come less far: what lies between would be taken for done. This is
   * for people of good will; a hostile host may say what it likes.
   * @throws {LuksmithError} "tampered"
   */
  async #requireAsLeft({ imageDevice, signal }: Locked): Promise<void> {
    const { exec } = this.#host;
    const { headerFile } = this.#target;
    const here = await headerChanges(exec, headerFile, signal);
    const there = await headerChanges(exec, imageDevice, signal);
    // one write may have reached one of the two alone
    if (here === undefined || there === undefined || (here - there <= 1n && there - here <= 1n)) return;
    throw new LuksmithError("tampered", "the image is not as the re-encryption has left it", {
      hint: "has an older copy of it been put back, or was it gone on with by hand? Nothing was changed: docs/keys.md",
    });
  }

  async #reencrypt(locked: Locked, run: RunContext): Promise<void> {
    const { exec, clock } = this.#host;
    const { headerFile, pin, volume } = this.#target;
    const { names, imageDevice, transportDevice } = locked;
    const key = await readKey(exec, volume.key, locked.signal);
    const failed = new AbortController();
    const done = new AbortController();
    const signal = AbortSignal.any([locked.signal, failed.signal]);
    const mirror = { headerFile, bytes: pin.dataOffsetBytes, transportDevice };
    // what waits for one of the two places would wait for ever
    const letGo = () => wipeDm(exec, names.header).catch(() => undefined);
    locked.lost.addEventListener("abort", letGo, { signal: done.signal });
    let watching: Promise<void> | undefined;
    const meter = new ProgressMeter("re-encrypt");
    const bytesTotal = pin.imageBytes - pin.dataOffsetBytes;
    const onProgress = (bytesDone: number) => {
      const figures = { bytesDone, bytesTotal, filesDone: 0, filesTotal: undefined };
      run.progress(meter.update({ atMs: clock.monotonicMs(), ...figures }));
    };
    try {
      const header = await mirrorHeader(this.#host, names, mirror, signal);
      watching = this.#watch(names.header, done.signal).catch(async (error: unknown) => {
        if (done.signal.aborted) return;
        failed.abort(error);
        await letGo();
      });
      await requireFlushes([header]);
      const what = { header, device: imageDevice, key };
      if (parseLuksHeader(await dumpHeader(exec, headerFile, signal)).needsRecovery) {
        run.note("it was interrupted amid a piece of the data: putting that right first");
        await recoverReencryption(exec, what, signal);
      }
      await continueReencryption(exec, { ...what, onProgress }, signal);
    } finally {
      key.fill(0);
      done.abort();
      await watching;
    }
    await removeDm(exec, [names.header]);
  }

  /** @throws {LuksmithError} as soon as the header cannot be written in one of its two places */
  async #watch(mirror: string, done: AbortSignal): Promise<never> {
    const { exec, clock } = this.#host;
    for (;;) {
      await clock.sleep(lookMs, done);
      if (await isMirrorWhole(exec, mirror, done)) continue;
      throw new LuksmithError("tool_failed", "the header cannot be written both here and on the backup host", {
        hint: `nothing is lost. Has either disk failed? luksmith key reencrypt ${this.#target.volume.name} goes on`,
      });
    }
  }

  get #copy(): string {
    return `${this.#target.headerFile}.changed`;
  }

  async #requireOwnKey(headerFile: string, signal: AbortSignal): Promise<void> {
    const { volume } = this.#target;
    const key = await readKey(this.#host.exec, volume.key, signal);
    try {
      if ((await slotOf(this.#host.exec, { headerFile, key }, signal)) !== undefined) return;
    } finally {
      key.fill(0);
    }
    throw new LuksmithError(
      "wrong_key",
      `no key slot of volume ${volume.name} opens with ${keySourceText(volume.key)}`,
      {
        hint: `luksmith key list ${volume.name}`,
      },
    );
  }
}

/** Before the volume is used for anything else. @returns with what is pinned then */
export async function endReencryption(host: Host, pins: PinStore, target: Target, run: RunContext): Promise<Target> {
  if (target.pin.pending !== "reencrypt") return target;
  const { name } = target.volume;
  run.note(`the re-encryption of volume ${name} has begun and not ended: going on with it first`);
  const stack = new Stack(host, name);
  await withRelease(stack, run, async () =>
    new Reencryption(host, pins, target).toItsEnd(await stack.openLocked(target, run), run),
  );
  return { ...target, pin: await pins.require(name) };
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
