/** What `cat` and `restore --stdout` do. */

import { LuksmithError } from "../common/errors.ts";
import type { Session } from "./session.ts";
import type { SnapshotReference } from "./snapshot-reference.ts";

interface Options {
  readonly force?: true;
  readonly acceptRollback?: true;
}

/** @throws {LuksmithError} "usage" with --json: there is no place for events beside a file */
export async function writeContent(
  session: Session,
  { job, snapshot }: SnapshotReference,
  path: Buffer,
  { force, acceptRollback }: Options,
): Promise<void> {
  if (session.json) {
    throw new LuksmithError("usage", "a file on standard output leaves no place for --json", {
      hint: "luksmith runs --json tells how it ended",
    });
  }
  const { showContent } = await import("./show/content.ts");
  const request = { job, snapshot, path, acceptRollback: acceptRollback === true };
  await showContent(session, request, force === true);
}
