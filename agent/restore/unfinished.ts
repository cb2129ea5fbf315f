/**
 * Restores that were cut short, by whatever: remembered in the state directory from the moment that they begin to write, so that the
 * same command goes on where it was. What is remembered is which snapshot it was of, and what was there before.
 */

import { createHash } from "node:crypto";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { writeFileDurably } from "../../common/durable-file.ts";
import { readIfThere } from "../../common/if-there.ts";

/** Of each user: nobody can fill the disk with them, or push another's out. */
const keptEach = 20;
const largestBytes = 2 ** 20;

/** It becomes a part of paths whose trees are removed. */
const asideName = /^\.luksmith-[0-9a-f]{16}$/;

const schema = z.object({
  snapshot: z.string(),
  /** In Base64, with find's type letter. */
  present: z.array(z.object({ path: z.base64(), type: z.string() })),
  aside: z.string().regex(asideName),
  boot: z.string(),
});

export interface UnfinishedRestore {
  readonly snapshot: string;
  /** What was there of the asked paths, and of the directories above them. */
  readonly present: readonly { readonly path: Buffer; readonly type: string }[];
  /** The name of the directories that hold what had come of files that were under way; see under-way.ts. */
  readonly aside: string;
  /** While which the last of it was written: see boot-id.ts. */
  readonly boot: string;
}

/** Pure: whether directories that were there before are directories now, and no links to somewhere else. */
export function isAsItWas(before: UnfinishedRestore, present: UnfinishedRestore["present"]): boolean {
  const there = new Map(present.map(({ path, type }) => [path.toString("latin1"), type]));
  return before.present.every(({ path, type }) => there.get(path.toString("latin1")) === type);
}

/** What makes two commands the same. */
export interface RestoreCommand {
  readonly uid: number;
  readonly job: string;
  /** As asked for: "" is the newest, and stays the one that it was. */
  readonly snapshot: string;
  readonly target: Uint8Array;
  readonly paths: readonly Uint8Array[];
}

export class UnfinishedRestores {
  readonly #directory: string;

  constructor(stateDir: string) {
    this.#directory = join(stateDir, "restores");
  }

  async read(command: RestoreCommand): Promise<UnfinishedRestore | undefined> {
    const text = await readIfThere(this.#file(command));
    return text === undefined ? undefined : parse(text);
  }

  /** @returns false when there is too much to remember */
  async write(command: RestoreCommand, { snapshot, present, aside, boot }: UnfinishedRestore): Promise<boolean> {
    const record: z.infer<typeof schema> = {
      snapshot,
      aside,
      boot,
      present: present.map(({ path, type }) => ({ path: path.toString("base64"), type })),
    };
    const text = JSON.stringify(record);
    if (text.length > largestBytes) return false;
    await writeFileDurably(this.#file(command), text, 0o600);
    await this.#thin(`${command.uid}-`);
    return true;
  }

  async forget(command: RestoreCommand): Promise<void> {
    await rm(this.#file(command), { force: true });
  }

  #file({ uid, job, snapshot, target, paths }: RestoreCommand): string {
    const bytes = (name: Uint8Array) => Buffer.from(name).toString("base64");
    const asked = [job, snapshot === "latest" ? "" : snapshot, bytes(target), paths.map(bytes).sort()];
    return join(this.#directory, `${uid}-${createHash("sha256").update(JSON.stringify(asked)).digest("hex")}.json`);
  }

  async #thin(prefix: string): Promise<void> {
    const names = (await readdir(this.#directory)).filter((name) => name.startsWith(prefix));
    if (names.length <= keptEach) return;
    const dated = await Promise.all(
      names.map(async (name) => ({ name, ms: (await stat(join(this.#directory, name))).mtimeMs })),
    );
    const oldestFirst = dated.sort((one, other) => one.ms - other.ms);
    for (const { name } of oldestFirst.slice(0, -keptEach)) await rm(join(this.#directory, name), { force: true });
  }
}

/** Undefined for what cannot be understood: the restore then begins anew, and leaves what is there alone. */
function parse(text: string): UnfinishedRestore | undefined {
  try {
    const parsed = schema.safeParse(JSON.parse(text));
    if (!parsed.success) return undefined;
    const present = parsed.data.present.map(({ path, type }) => ({ path: Buffer.from(path, "base64"), type }));
    return { ...parsed.data, present };
  } catch {
    return undefined;
  }
}
