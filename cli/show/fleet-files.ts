/** Snapshots of one machine, and files in them, where the machine itself lets the fleet ask. */

import type { FileEntry, Snapshot } from "../../proto/gen/luksmith/v1/types.ts";
import type { FleetSession } from "../fleet/fleet-session.ts";
import { jsonLine, snapshotJson } from "../json.ts";
import { type FileFormat, FileList } from "./files.ts";
import { snapshotsText } from "./snapshots.ts";

export async function showFleetSnapshots(session: FleetSession, machine: string, job: string): Promise<void> {
  const found: Snapshot[] = [];
  const messages = session.fleet.listFleetSnapshots({ machine, job }, session.stop);
  for await (const { snapshot } of patiently(session, messages)) {
    if (snapshot === undefined) continue;
    if (session.json) session.terminal.outLine(jsonLine(snapshotJson(snapshot)));
    else found.push(snapshot);
  }
  session.result(
    () => [],
    () => snapshotsText(found, session.paint),
  );
}

export interface FilesAsked {
  readonly machine: string;
  readonly job: string;
  /** Empty: the newest. */
  readonly snapshot: string;
  readonly path: Buffer;
  readonly recursive: boolean;
}

export async function showFleetFiles(session: FleetSession, asked: FilesAsked, format: FileFormat): Promise<void> {
  const list = new FileList(session, format, !asked.recursive);
  try {
    for await (const { entry } of patiently(session, session.fleet.listFleetFiles(asked, session.stop))) {
      if (entry !== undefined) await take(list, entry, session);
    }
  } finally {
    list.end();
  }
}

async function take(list: FileList, entry: FileEntry, session: FleetSession): Promise<void> {
  list.take(entry);
  await session.terminal.outDrained();
}

/** The machine opens its volume before the first message comes, which takes some seconds. */
async function* patiently<Message>(
  session: FleetSession,
  messages: AsyncGenerator<Message, void>,
): AsyncGenerator<Message, void> {
  const first = await session.waitFor("asking the machine", messages.next());
  if (first.done) return;
  yield first.value;
  yield* messages;
}
