/** The answer of MeasureSnapshots. */

import { formatBytes } from "../../common/units.ts";
import type { MeasureSnapshotsRequest, SnapshotSize } from "../../proto/gen/luksmith/v1/looking.ts";
import { jsonLine, snapshotSizeJson } from "../json.ts";
import type { Session } from "../session.ts";
import { type Cell, type Paint, table } from "../table.ts";
import { showStream } from "./stream.ts";

export async function showSizes(session: Session, request: MeasureSnapshotsRequest): Promise<void> {
  const found: SnapshotSize[] = [];
  const answer = session.agent.measureSnapshots(request, session.stop);
  const show = () =>
    session.result(
      () => [],
      () => sizesText(request.job, found, (style, text) => session.terminal.paintOut(style, text)),
    );
  try {
    await showStream(session, answer, (size: SnapshotSize) => {
      if (session.json) session.terminal.outLine(jsonLine(snapshotSizeJson(size)));
      else found.push(size);
    });
  } catch (error) {
    // some directories may have been closed to the caller
    if (found.length > 0) show();
    throw error;
  }
  show();
}

export function sizesText(job: string, sizes: readonly SnapshotSize[], paint: Paint): string {
  const figure = (bytes: number): Cell => ({ text: formatBytes(bytes), align: "right" });
  const rows = sizes.map(({ snapshot, partial, bytes, ownBytes }): Cell[] =>
    snapshot === ""
      ? ["together", figure(bytes), "", "", ""]
      : [
          `${job}@${snapshot}`,
          figure(bytes),
          figure(bytes - ownBytes),
          figure(ownBytes),
          partial ? { text: "unfinished", style: "yellow" } : "",
        ],
  );
  return table(["SNAPSHOT", "SIZE", "SHARED", "OWN", "NOTES"], rows, paint);
}
