/** The answer of ListVolumes. */

import { formatBytes } from "../../common/units.ts";
import type { Volume } from "../../proto/gen/luksmith/v1/agent.ts";
import { volumeJson } from "../json.ts";
import { runTitle } from "../run-text.ts";
import type { Session } from "../session.ts";
import { type Cell, type Paint, table } from "../table.ts";

export async function showVolumes(session: Session): Promise<void> {
  const { volumes } = await session.waitFor("asking the agent", session.agent.listVolumes());
  const paint: Paint = (style, text) => session.terminal.paintOut(style, text);
  session.result(
    () => volumes.map(volumeJson),
    () => volumesText(volumes, paint),
  );
}

export function volumesText(volumes: readonly Volume[], paint: Paint): string {
  if (volumes.length === 0) return "no volume is configured\n";
  return table(["VOLUME", "IMAGE", "SIZE", "FILE SYSTEM", "JOBS", "STATE"], volumes.map(volumeRow), paint);
}

function volumeRow(volume: Volume): Cell[] {
  return [
    volume.name,
    `${volume.remote}:${volume.image}`,
    { text: formatBytes(volume.created ? volume.size : volume.configuredSize), align: "right" },
    volume.filesystem,
    volume.jobs.join(", ") || "-",
    volumeState(volume),
  ];
}

function volumeState(volume: Volume): Cell {
  if (volume.heldBy !== undefined) return `in use: ${runTitle(volume.heldBy)}, run ${volume.heldBy.id}`;
  if (!volume.created) return { text: `not created: luksmith volume create ${volume.name}`, style: "yellow" };
  if (volume.unclean) return { text: "not cleanly detached the last time", style: "yellow" };
  if (volume.configuredSize > volume.size) {
    const wanted = formatBytes(volume.configuredSize);
    return { text: `configured for ${wanted}: luksmith volume resize ${volume.name}`, style: "yellow" };
  }
  return { text: "ready", style: "green" };
}
