/**
 * What this machine remembers of a volume, so that the backup host cannot tell it otherwise: the LUKS header, and
 * beside it in pin.json the size, the identity and the last generation seen.
 */

import { dirname, join } from "node:path";
import * as z from "zod";
import { writeFileDurably } from "../../common/durable-file.ts";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import { readIfThere } from "../../common/if-there.ts";
import { filesystemTypes } from "../filesystem/kind.ts";

const pinSchema = z.strictObject({
  format: z.literal(1),
  /** Also stands inside the volume, in /.luksmith/volume.json. */
  id: z.uuid(),
  luksUuid: z.uuid(),
  filesystemUuid: z.uuid(),
  filesystem: z.enum(filesystemTypes),
  /** Of the image file: header and data. */
  imageBytes: z.int().positive().multipleOf(4096),
  cipher: z.string(),
  volumeKeyBits: z.int().positive(),
  sectorBytes: z.int().positive(),
  dataOffsetBytes: z.int().positive(),
  generation: z.int().nonnegative(),
  /** Set before the volume is mounted for writing, cleared after the clean end of that. */
  unclean: z.boolean(),
  /**
   * What a resize, or a re-encryption, has left to do.
   * "grow": the image has its new size, the file system perhaps not yet; done by whoever has it mounted for writing next.
   * "merge": the blocks of a smaller file system are on this machine's disk, and partly in the image already; done by whoever
   * opens it next.
   * "truncate": the image has more than is pinned; done by the next resize.
   * "reencrypt": one part of the data has another volume key than the rest, and the pinned header says which; done by whoever
   * writes to the volume next, before anything else.
   */
  pending: z.enum(["grow", "merge", "truncate", "reencrypt"]).optional(),
});

export type Pin = z.infer<typeof pinSchema>;

/** What was begun before is done. Pure. */
export function settled({ pending: _done, ...pin }: Pin): Pin {
  return pin;
}

/** The same for a run that has mounted the volume for writing: of what it has no part in, the pin still speaks. Pure. */
export function settledByWriting(pin: Pin): Pin {
  return pin.pending === "truncate" ? pin : settled(pin);
}

/** Beside the pinned header. */
export function movedBlocksFile(headerFile: string): string {
  return join(dirname(headerFile), "moved-blocks");
}

export class PinStore {
  readonly #directory: string;

  constructor(stateDir: string) {
    this.#directory = join(stateDir, "volumes");
  }

  headerFile(volume: string): string {
    return join(this.#directory, volume, "header.luks");
  }

  /** What is left of a change of its keys, while something is. */
  keyChangeFile(volume: string): string {
    return join(this.#directory, volume, "key-change.json");
  }

  /** Blocks of a file system that is being made smaller: see shrink.ts. */
  movedBlocksFile(volume: string): string {
    return movedBlocksFile(this.headerFile(volume));
  }

  /** @returns undefined when the volume was not created (or adopted) on this machine */
  async read(volume: string): Promise<Pin | undefined> {
    const path = this.#file(volume);
    const text = await readIfThere(path);
    if (text === undefined) return undefined;
    try {
      return pinSchema.parse(JSON.parse(text));
    } catch (cause) {
      throw new LuksmithError("config", `${path} cannot be read as what luksmith wrote`, {
        hint: "put it back from a backup of the machine's state directory",
        cause,
      });
    }
  }

  async require(volume: string): Promise<Pin> {
    const pin = await this.read(volume);
    if (pin !== undefined) return pin;
    throw new LuksmithError("not_found", `volume ${volume} has not been created yet`, {
      hint: `luksmith volume create ${volume}`,
    });
  }

  async write(volume: string, pin: Pin): Promise<void> {
    const text = `${JSON.stringify(pinSchema.parse(pin), null, 2)}\n`;
    try {
      await writeFileDurably(this.#file(volume), text, 0o600);
    } catch (cause) {
      if (!hasErrno(cause, "ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EIO")) throw cause;
      const full = hasErrno(cause, "ENOSPC", "EDQUOT");
      const why = full ? "is full" : "cannot be written to";
      throw new LuksmithError(full ? "full" : "tool_failed", `the state directory ${dirname(this.#directory)} ${why}`, {
        hint: `df ${dirname(this.#directory)}; without it no volume is attached for writing`,
        cause,
      });
    }
  }

  #file(volume: string): string {
    return join(this.#directory, volume, "pin.json");
  }
}
