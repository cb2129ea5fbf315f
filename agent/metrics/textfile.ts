/**
 * Metrics as a file for node_exporter's textfile collector, which reads it at any moment: it is always whole. Its directory may be
 * another user's, who could have put anything there.
 */

import { constants } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Clock, pause } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";
import type { Change } from "../runs/change.ts";

/** That the agent is there is seen by it as well: the collector tells how old the file is. */
const everyMs = 60_000;
/** Not ".prom": the collector does not read it. */
const freshName = ".luksmith-metrics.new";

/**
 * Now, when `changed` rings, each minute, and when the signal is aborted, which ends it. Never throws. The file stays when the agent ends, and says
 * by its age that nobody writes it.
 */
export async function keepTextfile(
  path: string,
  text: () => Promise<string>,
  changed: Change,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  let isBroken = false;
  const write = async () => {
    try {
      await replaceFile(path, await text());
      if (isBroken) log.info({ path }, "the metrics are written again");
      isBroken = false;
    } catch (error) {
      if (!isBroken) log.warn({ err: error, path }, "the metrics cannot be written");
      isBroken = true;
    }
  };
  while (!signal.aborted) {
    const over = new AbortController();
    const ends = AbortSignal.any([signal, over.signal]);
    const rung = changed.wait(ends);
    await write();
    await Promise.race([rung, pause(clock, everyMs, ends)]);
    over.abort();
  }
  // how the last runs ended
  await write();
}

/** Not synced: after a power cut it is written anew. */
async function replaceFile(path: string, text: string): Promise<void> {
  const fresh = join(dirname(path), freshName);
  await rm(fresh, { force: true });
  let file: FileHandle | undefined;
  try {
    // what somebody has put there just now, such as a link, is not written to
    file = await open(fresh, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    await file.writeFile(text);
    // node_exporter is another user
    await file.chmod(0o644);
    await file.close();
    file = undefined;
    await rename(fresh, path);
  } catch (error) {
    await file?.close();
    await rm(fresh, { force: true });
    throw error;
  }
}
