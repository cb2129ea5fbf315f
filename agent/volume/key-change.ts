/**
 * Changing the key slots of a volume, so that it opens whenever it is interrupted.
 *
 * A header is changed on a copy, which is tried and only then takes the place of the pinned one, by a rename. What is
 * to follow is written down before (`key-change.json`): the stored header is to become the same; a new key file, which lies
 * beside the old one as `KEY.luksmith-next`, is to take its place; and a slot is to be retired, when all of this is done. Whatever comes next to
 * write to the volume, or check it, does what is left of it.
 */

import { chmod, copyFile, lstat, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import * as z from "zod";
import { syncDirectory, writeFileDurably } from "../../common/durable-file.ts";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import { readIfThere } from "../../common/if-there.ts";
import { parseJson } from "../../common/parse-json.ts";
import { sha256OfFile } from "../../common/sha256.ts";
import type { RunContext } from "../runs/context.ts";
import type { Opened, Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { dumpHeader, killSlot, removeToken, slotOf } from "../tools/cryptsetup.ts";
import { type LuksHeader, parseLuksHeader } from "../tools/luks-header.ts";
import { readKeyFile } from "./key-file.ts";
import { readKey } from "./key-source.ts";
import type { PinStore } from "./pin.ts";
import { sendHeader } from "./stored-header.ts";

const noteSchema = z.strictObject({
  format: z.literal(1),
  /** Of the pinned header once the change is in it, in hexadecimal digits: with another one it has not begun, or is past that. */
  header: z.string().regex(/^[0-9a-f]{64}$/),
  retires: z.int().nonnegative().nullable(),
});

type Note = z.infer<typeof noteSchema>;

export interface HeaderEdit {
  /** Changes the copy, and proves that it opens as it is to. */
  readonly edit: (copy: string) => Promise<void>;
  /** A slot that has to go as well, when everything else is in place. */
  readonly retires?: number;
}

export class KeyChange {
  readonly #host: Host;
  readonly #pins: PinStore;
  readonly #target: Target;

  constructor(host: Host, pins: PinStore, target: Target) {
    this.#host = host;
    this.#pins = pins;
    this.#target = target;
  }

  async isUnfinished(): Promise<boolean> {
    return (await readIfThere(this.#noteFile)) !== undefined;
  }

  /** What the pinned header holds. @throws {LuksmithError} "locked" while a re-encryption has begun and not ended */
  async header(signal?: AbortSignal): Promise<LuksHeader> {
    const { headerFile, volume, pin } = this.#target;
    const header = parseLuksHeader(await dumpHeader(this.#host.exec, headerFile, signal));
    const isOurs = pin.pending === "reencrypt";
    if (!header.isReencrypting && !isOurs) return header;
    throw new LuksmithError("locked", `the header of volume ${volume.name} holds a re-encryption that has not ended`, {
      hint: isOurs
        ? `luksmith key reencrypt ${volume.name} goes on with it`
        : "luksmith did not begin it: have cryptsetup reencrypt end it with the header and the image that it was begun with",
    });
  }

  /** The change is in force when this returns, here and on the backup host. */
  async make(change: HeaderEdit, opened: Opened, run: RunContext): Promise<void> {
    await this.#edit(change.edit, opened.signal, (header) => ({ format: 1, header, retires: change.retires ?? null }));
    await this.finish(opened, run);
  }

  /** Does what is left of a change that has begun; nothing when there is none. */
  async finish(opened: Opened, run: RunContext): Promise<void> {
    const note = await this.#note();
    if (note === undefined) return;
    const { volume, headerFile, pin } = this.#target;
    if (opened.superblock?.uuid !== pin.filesystemUuid) {
      throw new LuksmithError("tampered", "the image does not hold the file system of this volume", {
        hint: "its header is left as it is; has the image been exchanged on the backup host",
      });
    }
    const send = () => run.step("renew the stored header", () => sendHeader(this.#host.exec, headerFile, opened));
    await send();
    if (note.header === (await sha256OfFile(headerFile))) {
      await this.#installKey(run.signal);
      if (note.retires !== null) {
        await this.#retire(note.retires, run.signal);
        await send();
        run.note(`slot ${note.retires} is gone from the pinned header and from the stored one`);
      }
    }
    await this.#discardUnusedKey(run.signal);
    await rm(this.#noteFile);
    await syncDirectory(dirname(this.#noteFile));
    this.#host.log.info({ volume: volume.name }, "the key slots have been changed");
  }

  /** Where a new key of the agent's own waits for its header. */
  get nextKeyFile(): string | undefined {
    const { key } = this.#target.volume;
    return key.from === "file" ? `${key.path}.luksmith-next` : undefined;
  }

  get #noteFile(): string {
    return this.#pins.keyChangeFile(this.#target.volume.name);
  }

  async #note(): Promise<Note | undefined> {
    const text = await readIfThere(this.#noteFile);
    if (text === undefined) return undefined;
    const parsed = noteSchema.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    throw new LuksmithError("config", `${this.#noteFile} cannot be read as what luksmith wrote`, {
      hint: "put it back from a backup of the machine's state directory",
    });
  }

  /** @param note what is written down before the copy takes effect; left out: what stands there stays */
  async #edit(
    edit: (copy: string) => Promise<void>,
    signal: AbortSignal,
    note?: (header: string) => Note,
  ): Promise<void> {
    const { headerFile } = this.#target;
    const copy = `${headerFile}.changed`;
    await rm(copy, { force: true });
    try {
      await copyFile(headerFile, copy);
      await chmod(copy, 0o600);
      await edit(copy);
      signal.throwIfAborted();
      await chmod(copy, 0o400);
      const file = await open(copy, "r");
      try {
        await file.sync();
      } finally {
        await file.close();
      }
      if (note !== undefined) {
        const text = JSON.stringify(noteSchema.parse(note(await sha256OfFile(copy))));
        await writeFileDurably(this.#noteFile, `${text}\n`, 0o600);
      }
      await rename(copy, headerFile);
    } catch (error) {
      await rm(copy, { force: true });
      throw explainDisk(error, dirname(headerFile));
    }
    await syncDirectory(dirname(headerFile));
  }

  /** The header that is pinned now opens with both. */
  async #installKey(signal: AbortSignal): Promise<void> {
    const { volume, headerFile } = this.#target;
    if (volume.key.from !== "file" || this.nextKeyFile === undefined) return;
    if (!(await this.#opens(this.nextKeyFile, headerFile, signal))) return;
    await rename(this.nextKeyFile, volume.key.path);
    await syncDirectory(dirname(volume.key.path));
  }

  /** Made for a change that never took effect. */
  async #discardUnusedKey(signal: AbortSignal): Promise<void> {
    const { nextKeyFile } = this;
    if (nextKeyFile === undefined) return;
    if (!(await this.#opens(nextKeyFile, this.#target.headerFile, signal))) await rm(nextKeyFile, { force: true });
  }

  /** @returns false as well when there is no such file */
  async #opens(keyFile: string, headerFile: string, signal: AbortSignal): Promise<boolean> {
    const isThere = await lstat(keyFile).catch((error: unknown) => {
      if (!hasErrno(error, "ENOENT")) throw error;
    });
    if (!isThere) return false;
    const key = await readKeyFile(keyFile);
    try {
      return (await slotOf(this.#host.exec, { headerFile, key }, signal)) !== undefined;
    } finally {
      key.fill(0);
    }
  }

  async #retire(slot: number, signal: AbortSignal): Promise<void> {
    const header = await this.header(signal);
    if (!header.slots.some((found) => found.slot === slot)) return;
    await this.#edit((copy) => this.removeSlot(copy, header, slot, signal), signal);
  }

  /** Takes a slot out of a header. @throws {LuksmithError} "usage" when the volume's own key would not open it any more */
  async removeSlot(copy: string, header: LuksHeader, slot: number, signal: AbortSignal): Promise<void> {
    const { exec } = this.#host;
    const { volume } = this.#target;
    for (const token of header.tokensOf(slot)) await removeToken(exec, copy, token, signal);
    await killSlot(exec, copy, slot, signal);
    const key = await readKey(exec, volume.key, signal);
    try {
      if ((await slotOf(exec, { headerFile: copy, key }, signal)) !== undefined) return;
    } finally {
      key.fill(0);
    }
    throw new LuksmithError("usage", `slot ${slot} is what the agent opens volume ${volume.name} with`, {
      hint: `luksmith key rotate ${volume.name} gives it another key and removes this one`,
    });
  }
}

/** What keeps a file on the machine's own disk from being written, in words; other errors as they are. */
export function explainDisk(thrown: unknown, path: string): unknown {
  const isFull = hasErrno(thrown, "ENOSPC", "EDQUOT");
  if (!isFull && !hasErrno(thrown, "EROFS", "EACCES", "EPERM", "EIO")) return thrown;
  return new LuksmithError(
    isFull ? "full" : "tool_failed",
    `${path} cannot be written${isFull ? ": its disk is full" : ""}`,
    {
      hint: `df ${dirname(path)}; nothing has been changed`,
      cause: thrown,
    },
  );
}
