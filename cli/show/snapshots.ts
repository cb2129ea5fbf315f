/** The answer of ListSnapshots. */

import { formatBytes, formatCount } from "../../common/units.ts";
import type { ListSnapshotsRequest } from "../../proto/gen/luksmith/v1/agent.ts";
import type { Snapshot } from "../../proto/gen/luksmith/v1/types.ts";
import { jsonLine, snapshotJson } from "../json.ts";
import { localTime } from "../local-time.ts";
import type { Session } from "../session.ts";
import { type Cell, type Paint, table } from "../table.ts";
import { showStream } from "./stream.ts";

export async function showSnapshots(session: Session, request: ListSnapshotsRequest): Promise<void> {
  const found: Snapshot[] = [];
  const show = () =>
    session.result(
      () => [],
      () => snapshotsText(found, (style, text) => session.terminal.paintOut(style, text)),
    );
  try {
    await showStream(session, session.agent.listSnapshots(request, session.stop), (snapshot: Snapshot) => {
      if (session.json) session.terminal.outLine(jsonLine(snapshotJson(snapshot)));
      else found.push(snapshot);
    });
  } catch (error) {
    // one volume of several may have failed
    if (found.length > 0) show();
    throw error;
  }
  show();
}

export function snapshotsText(snapshots: readonly Snapshot[], paint: Paint): string {
  if (snapshots.length === 0) return "no snapshot yet\n";
  return table(["SNAPSHOT", "TIME", "FILES", "SIZE", "NEW", "NOTES"], snapshots.map(snapshotRow), paint);
}

function snapshotRow(snapshot: Snapshot): Cell[] {
  const notes = [
    snapshot.latest ? "latest" : "",
    snapshot.partial ? "unfinished" : "",
    snapshot.incomplete
      ? `incomplete${snapshot.warnings > 0 ? `: ${formatCount(snapshot.warnings)} warnings` : ""}`
      : "",
    snapshot.pinned ? ["pinned", snapshot.note].filter(Boolean).join(": ") : "",
  ].filter((note) => note !== "");
  const figure = (text: string): Cell => ({
    text: snapshot.files > 0 || snapshot.runId !== "" ? text : "-",
    align: "right",
  });
  return [
    // as it is typed behind `ls`, `restore` and `verify`
    `${snapshot.job}@${snapshot.name}`,
    localTime(snapshot.time),
    figure(formatCount(snapshot.files)),
    figure(formatBytes(snapshot.bytes)),
    figure(formatBytes(snapshot.bytesCopied)),
    snapshot.partial || snapshot.incomplete ? { text: notes.join(", "), style: "yellow" } : notes.join(", "),
  ];
}
