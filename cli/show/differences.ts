/** The answer of DiffSnapshots. */

import { showName } from "../../common/file-name.ts";
import { formatBytes } from "../../common/units.ts";
import type { Difference, DiffSnapshotsRequest } from "../../proto/gen/luksmith/v1/looking.ts";
import { type FileEntry, FileEntry_Type } from "../../proto/gen/luksmith/v1/types.ts";
import { enumName } from "../enum-name.ts";
import { differenceJson } from "../json.ts";
import { localTime } from "../local-time.ts";
import type { Session } from "../session.ts";
import { groupName, ownerName } from "./files.ts";
import { showStream } from "./stream.ts";

export async function showDifferences(session: Session, request: DiffSnapshotsRequest): Promise<void> {
  const answer = session.agent.diffSnapshots(request, session.stop);
  const runs = await showStream(session, answer, (difference: Difference) =>
    session.result(
      () => [differenceJson(difference)],
      () => `${differenceText(difference)}\n`,
    ),
  );
  for (const { summary } of runs) session.notice(summary);
}

/** "changed  home/alice/letter.txt  (12.0 KiB -> 13.1 KiB, mode 0644 -> 0600)" */
export function differenceText(difference: Difference): string {
  const { before, after } = difference;
  const entry = after ?? before;
  if (entry === undefined) return "";
  const isDirectory = entry.type === FileEntry_Type.DIRECTORY;
  const name = entry.path.length === 0 ? "." : `${showName(entry.path)}${isDirectory ? "/" : ""}`;
  const told = before !== undefined && after !== undefined ? changes(before, after, difference) : sizeOf(entry);
  const word = before === undefined ? "added" : after === undefined ? "removed" : "changed";
  return `${word.padEnd(7)}  ${name}${told.length === 0 ? "" : `  (${told.join(", ")})`}`;
}

function changes(before: FileEntry, after: FileEntry, { type, content, mode, owner, modified }: Difference): string[] {
  if (type) return [`${kind(before)} -> ${kind(after)}`];
  const wasOwner = `${ownerName(before)}:${groupName(before)}`;
  const isOwner = `${ownerName(after)}:${groupName(after)}`;
  return [
    ...(content ? [contentChange(before, after)] : []),
    ...(mode ? [`mode ${octal(before.mode)} -> ${octal(after.mode)}`] : []),
    ...(owner ? [`owner ${wasOwner} -> ${isOwner}`] : []),
    ...(modified ? [`time alone: ${localTime(before.modified)} -> ${localTime(after.modified)}`] : []),
  ];
}

function contentChange(before: FileEntry, after: FileEntry): string {
  if (after.type === FileEntry_Type.SYMLINK) return `-> ${showName(before.target)} now -> ${showName(after.target)}`;
  const [was, is] = [before.size, after.size].map(formatBytes);
  if (before.size === after.size) return `${is}, ${localTime(before.modified)} -> ${localTime(after.modified)}`;
  // rounded, they may look the same
  return was === is ? `${before.size} B -> ${after.size} B` : `${was} -> ${is}`;
}

function sizeOf(entry: FileEntry): string[] {
  if (entry.type === FileEntry_Type.FILE) return [formatBytes(entry.size)];
  if (entry.type === FileEntry_Type.SYMLINK) return [`-> ${showName(entry.target)}`];
  return entry.type === FileEntry_Type.DIRECTORY ? [] : [kind(entry)];
}

function kind({ type }: FileEntry): string {
  return enumName(FileEntry_Type, type).replaceAll("_", " ");
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}
