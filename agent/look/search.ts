/** Which snapshots hold the files that a pattern names. */

import { join } from "node:path";
import type { Command } from "../../common/exec.ts";
import { plural } from "../../common/units.ts";
import type { FoundPath } from "../../proto/gen/luksmith/v1/looking.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { selectSnapshot } from "../snapshots/select.ts";
import type { Attached } from "../stack/attach.ts";
import { withView } from "../stack/view.ts";
import type { Host } from "../system/host.ts";
import { sorted } from "../tools/sort.ts";
import { noticeLoss } from "../transport/transport.ts";
import { withWarming } from "../warm/warming.ts";
import { pathEnd } from "./sortable-path.ts";
import { look, unseen } from "./tree.ts";
import { VersionCollector, versionFormat } from "./versions.ts";

export interface SearchOptions {
  /** Empty for all. */
  readonly snapshot: string;
  /** Of find's: see pattern.ts. */
  readonly tests: readonly string[];
  readonly as: Command["as"];
}

/** @throws {LuksmithError} "not_found" for a snapshot. That nothing was found is no error */
export async function search(
  host: Host,
  job: string,
  { filesDir, entries, device, signal, lost }: Attached,
  { snapshot, tests, as }: SearchOptions,
  run: RunContext,
  send: (found: FoundPath) => Promise<void>,
): Promise<RunResult> {
  const chosen = selectSnapshot(entries, job, snapshot).name;
  const finished = entries.filter(({ partial }) => !partial).map(({ name }) => name);
  const names = snapshot === "" ? finished : [chosen];
  const directories = names.map((name) => join(filesDir, job, name));
  const collector = new VersionCollector(names);
  let count = 0;
  const tell = async (found: FoundPath | undefined) => {
    if (found === undefined) return;
    count += 1;
    await send(found);
  };
  const searchAll = () =>
    sorted(
      host,
      {
        feed: async (give, within) => {
          let incomplete = false;
          for (const [place, directory] of directories.entries()) {
            const format = `%p${pathEnd}${versionFormat(place)}\\0`;
            const result = await withView(host, directory, as, within, (cwd) =>
              look(host.exec, { cwd, path: Buffer.alloc(0), as }, ["-mindepth", "1", ...tests], format, give, within),
            );
            incomplete ||= result.incomplete;
          }
          return { incomplete };
        },
        take: async (records) => {
          for (const record of records) await tell(collector.push(record.toString("latin1")));
        },
      },
      signal,
    );
  const starts = directories.map((directory) => Buffer.from(directory));
  const { incomplete } = await run.step("search", () =>
    withWarming(host, { device, starts, files: false }, signal, searchAll),
  );
  await tell(collector.flush());
  if (incomplete && (await noticeLoss(host.clock, lost))) throw lost.reason;
  if (incomplete) run.warn(unseen(as, "what is in them was not looked for"));
  return {
    state: incomplete ? "incomplete" : "done",
    summary: `${plural(count, "path")} in ${plural(names.length, "snapshot")}`,
    ...(snapshot === "" ? {} : { snapshot: chosen }),
  };
}
