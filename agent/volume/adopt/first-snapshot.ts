/**
 * What somebody has copied into the root of a file system becomes the first snapshot of a job, by renaming alone: nothing is copied,
 * and nothing is ever in two places or in none.
 *
 * Everything is moved below /.luksmith/adopting, which is the job's directory in the making, and one rename puts that at the root.
 * What is decided at the beginning stands in /.luksmith/adopting.json until all is done: interrupted anywhere, the next adoption
 * goes on with that.
 */

import { join } from "node:path";
import * as z from "zod";
import { LuksmithError } from "../../../common/errors.ts";
import { type Exec, mustRead, mustRun } from "../../../common/exec.ts";
import { parseJson } from "../../../common/parse-json.ts";
import { plural } from "../../../common/units.ts";
import { pointLatest } from "../../snapshots/latest.ts";
import { volumeDeadlineMs, wholeVolumeDeadlineMs } from "../../tools/deadlines.ts";
import { listDirectory } from "../../tools/find.ts";
import { syncFilesystem } from "../../tools/sync.ts";
import { ownDirectory } from "../identity.ts";

const planSchema = z.object({
  id: z.uuid(),
  job: z.string(),
  snapshot: z.string(),
  /** Absolute; what the root of the image is a copy of. */
  root: z.string(),
  /** When the root directory was changed, in seconds since 1970: renaming changes that. */
  rootChanged: z.string(),
});

export type AdoptionPlan = z.infer<typeof planSchema>;

/** Of e2fsprogs: e2fsck wants to find it there. */
const recoveryDirectory = "lost+found";
const ownName = ".luksmith";

export interface Found {
  /** Names of what is to become the snapshot, one character a byte. */
  readonly names: readonly string[];
  /** What an adoption that was interrupted had begun with. */
  readonly begun: AdoptionPlan | undefined;
  /** It has been a volume of luksmith's before, and needs to be none again. */
  readonly isVolume: boolean;
  readonly rootChanged: string;
}

/** Changes nothing. @throws {LuksmithError} "usage" when there is something of luksmith's own name that is not luksmith's */
export async function lookAtRoot(exec: Exec, filesDir: string, signal: AbortSignal): Promise<Found> {
  const entries = (await listDirectory(exec, filesDir, signal)) ?? [];
  const names = entries.map(({ name }) => name).filter((name) => name !== recoveryDirectory && name !== ownName);
  const args = ["--format=%.9Y", "--", filesDir];
  const changed = await mustRead(exec, { file: "stat", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
  const rootChanged = changed.toString().trim();
  const nothing = { names, begun: undefined, isVolume: false, rootChanged };
  const own = entries.find(({ name }) => name === ownName);
  if (own === undefined) return nothing;
  const inside = (await listDirectory(exec, ownDirectory(filesDir), signal))?.map(({ name }) => name) ?? [];
  const begun = inside.includes("adopting.json") ? await readPlan(exec, filesDir, signal) : undefined;
  if (begun !== undefined) return { ...nothing, begun };
  if (inside.includes("volume.json")) return { ...nothing, isVolume: true };
  // made a moment before an interruption
  const early = ["adopting", "adopting.json.new"];
  if (own.type === "d" && inside.every((name) => early.includes(name))) return nothing;
  throw new LuksmithError("usage", `there is a ${ownName} in the image already, which luksmith has not made`, {
    hint: "open the image by hand and give it another name",
  });
}

async function readPlan(exec: Exec, filesDir: string, signal: AbortSignal): Promise<AdoptionPlan> {
  const args = ["--", planFile(filesDir)];
  const text = await mustRead(exec, { file: "cat", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
  const parsed = planSchema.safeParse(parseJson(text.toString()));
  if (parsed.success) return parsed.data;
  throw new LuksmithError("tampered", `${ownName}/adopting.json in the image cannot be understood`, {
    hint: "look at the image by hand: what was at its root is there, or below /.luksmith/adopting",
  });
}

/**
 * From the beginning, or from wherever an earlier one came to. Durable when it returns; the plan is still there, for
 * {@link endAdoption}.
 * @param isBegun the plan was found in the file system
 */
export async function makeFirstSnapshot(
  exec: Exec,
  filesDir: string,
  plan: AdoptionPlan,
  isBegun: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { job, snapshot, root, rootChanged } = plan;
  const run = (file: string, ...args: string[]) =>
    mustRun(exec, { file, args, deadlineMs: wholeVolumeDeadlineMs, signal });
  const jobInMaking = join(ownDirectory(filesDir), "adopting");
  const place = join(jobInMaking, snapshot, root);
  if (!isBegun) {
    await run("mkdir", "--parents", "--mode=0700", "--", ownDirectory(filesDir), jobInMaking);
    // of an adoption that ended before it had moved anything
    await run("find", jobInMaking, "-mindepth", "1", "-depth", "-type", "d", "-empty", "-delete");
    await run("mkdir", "--parents", "--mode=0755", "--", ...levels(jobInMaking, join(snapshot, root)));
    await syncFilesystem(exec, filesDir, signal);
    await writePlan(exec, filesDir, plan, signal);
    await syncFilesystem(exec, filesDir, signal);
  }
  // there from before the plan was written until its last rename
  if ((await listDirectory(exec, jobInMaking, signal)) !== undefined) {
    const theirs = ["-mindepth", "1", "-maxdepth", "1", "!", "-name", recoveryDirectory, "!", "-name", ownName];
    const move = ["-exec", "mv", "--no-clobber", `--target-directory=${place}`, "--", "{}", "+"];
    await run("find", filesDir, ...theirs, ...move);
    const { names } = await lookAtRoot(exec, filesDir, signal);
    if (names.length > 0) {
      throw new LuksmithError(
        "tool_failed",
        `${plural(names.length, "entry", "entries")} could not be moved into the snapshot`,
      );
    }
    await run("chown", `--reference=${filesDir}`, "--", place);
    await run("chmod", `--reference=${filesDir}`, "--", place);
    await run("touch", `--date=@${rootChanged}`, "--", place);
    await run("chmod", "0755", "--", jobInMaking);
    await syncFilesystem(exec, filesDir, signal);
    await run("mv", "--no-target-directory", "--", jobInMaking, join(filesDir, job));
  }
  await pointLatest(exec, join(filesDir, job), snapshot, signal);
  await syncFilesystem(exec, filesDir, signal);
}

/** "a/b" below `directory`: it itself, a, a/b. Each one that is named to mkdir gets its mode. */
function levels(directory: string, below: string): string[] {
  const parts = below.split("/").filter(Boolean);
  return parts.map((_, index) => join(directory, ...parts.slice(0, index + 1)));
}

/** From now on it is a volume. */
export async function endAdoption(exec: Exec, filesDir: string, signal: AbortSignal): Promise<void> {
  const args = ["--force", "--", planFile(filesDir)];
  await mustRun(exec, { file: "rm", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
  await syncFilesystem(exec, filesDir, signal);
}

function planFile(filesDir: string): string {
  return join(ownDirectory(filesDir), "adopting.json");
}

async function writePlan(exec: Exec, filesDir: string, plan: AdoptionPlan, signal: AbortSignal): Promise<void> {
  const file = planFile(filesDir);
  const stdin = `${JSON.stringify(plan, null, 2)}\n`;
  const common = { brief: true, deadlineMs: volumeDeadlineMs, signal };
  await mustRun(exec, { file: "dd", args: [`of=${file}.new`, "conv=fsync", "status=none"], stdin, ...common });
  await mustRun(exec, { file: "mv", args: ["--no-target-directory", "--", `${file}.new`, file], ...common });
}
