/** The answer of FindFiles. */

import { showName } from "../../common/file-name.ts";
import { escapeControls } from "../../common/quote.ts";
import { formatBytes, plural } from "../../common/units.ts";
import type { FindFilesRequest, FoundPath, FoundVersion } from "../../proto/gen/luksmith/v1/looking.ts";
import { FileEntry_Type } from "../../proto/gen/luksmith/v1/types.ts";
import { enumName } from "../enum-name.ts";
import { foundJson } from "../json.ts";
import { localTime } from "../local-time.ts";
import type { Session } from "../session.ts";
import { showStream } from "./stream.ts";

export async function showFound(session: Session, request: FindFilesRequest): Promise<void> {
  const answer = session.agent.findFiles(request, session.stop);
  const runs = await showStream(session, answer, (found: FoundPath) =>
    session.result(
      () => [foundJson(found)],
      () => foundText(found),
    ),
  );
  for (const { summary } of runs) session.notice(summary);
}

/** The path, then a line for each of its states; and the first snapshot that does not have it any more. */
export function foundText({ path, versions, goneIn }: FoundPath): string {
  const lines = versions.map((version) => `  ${sizeText(version).padStart(10)}  ${snapshotsText(version)}`);
  const gone = goneIn === "" ? [] : [`  ${"gone".padStart(10)}  in ${escapeControls(goneIn)}`];
  return [showName(path), ...lines, ...gone].map((line) => `${line}\n`).join("");
}

function sizeText({ type, size }: FoundVersion): string {
  return type === FileEntry_Type.FILE ? formatBytes(size) : enumName(FileEntry_Type, type).replaceAll("_", " ");
}

function snapshotsText({ modified, snapshots }: FoundVersion): string {
  const [first = "", last = ""] = [snapshots[0], snapshots.at(-1)];
  const range = snapshots.length === 1 ? first : `${first} to ${last} (${plural(snapshots.length, "snapshot")})`;
  return `${localTime(modified)}  in ${escapeControls(range)}`;
}
