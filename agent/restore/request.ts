/** What somebody asks of a restore, and what is refused of it at first sight. */

import { isAbsolute, resolve } from "node:path";
import { LuksmithError } from "../../common/errors.ts";
import type { Command } from "../../common/exec.ts";
import { showName, utf8Name } from "../../common/file-name.ts";
import { requireDeletable } from "./deletion.ts";
import { snapshotPath, withoutNested } from "./paths.ts";

export interface RestoreOptions {
  readonly snapshot: string;
  /** As typed; empty for everything. */
  readonly paths: readonly Uint8Array[];
  /** Absolute. */
  readonly target: Uint8Array;
  readonly overwrite: boolean;
  /** What is in the directories that are restored, and not in the snapshot, is removed. */
  readonly delete: boolean;
  /** Absolute: what of luksmith itself must not be removed. */
  readonly own: readonly string[];
  readonly dryRun: boolean;
  readonly acceptRollback: boolean;
  /** Reads the snapshot and writes the files with this user's rights; undefined for root. */
  readonly as: Command["as"];
  /** The same for every attempt of a run. */
  readonly begun: RestoreBegun;
}

/** What an attempt leaves to the next. */
export class RestoreBegun {
  /** Then what is there that the snapshot has not was made since. */
  isRemoved = false;
  /** Then what is there is what was restored already. */
  nothingInTheWay = false;
  /** The one that was chosen: "latest" may be another one by now. */
  snapshot: string | undefined;
}

/**
 * What can be refused is refused here, before the run begins.
 * @throws {LuksmithError} "usage"
 */
export function requireTarget(target: Uint8Array): string {
  const text = utf8Name(target);
  if (text === undefined || /\p{Cc}/u.test(text)) {
    throw new LuksmithError("usage", `the target directory's name must be plain text: ${showName(target)}`);
  }
  if (!isAbsolute(text)) throw new LuksmithError("usage", `the target must be an absolute path: ${showName(target)}`);
  return text;
}

/**
 * At first sight, by the names alone. @throws {LuksmithError} "usage"
 */
export function requireDeletableTarget({ delete: deletes, overwrite, target, paths, own }: RestoreOptions): void {
  if (!deletes) return;
  if (!overwrite) {
    throw new LuksmithError("usage", "--delete needs --overwrite: what is there already is replaced", {
      hint: "--delete --overwrite --dry-run shows what would be removed and replaced",
    });
  }
  const into = Buffer.from(requireTarget(target)).toString("latin1");
  const asked = withoutNested(paths.map(snapshotPath)).map((path) => path.toString("latin1"));
  requireDeletable(
    (asked.length === 0 ? [""] : asked).map((path) => resolve(into, path)),
    own,
  );
}
