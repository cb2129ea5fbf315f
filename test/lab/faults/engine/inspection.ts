/** Looks at all that is finished in a volume, and compares it with the model. */

import { readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { hasErrno } from "../../../../common/errors.ts";
import { candidates, type Found, type JobModel, judge } from "./model.ts";
import { OpenedImage } from "./opened-image.ts";
import { sourceOf } from "./source-tree.ts";
import { type Digests, differences, recordTree, type TreeRecord } from "./tree-record.ts";

const finished = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ(-\d+)?$/;

export interface Inspected {
  readonly image: string;
  readonly keyFile: string;
  readonly job: string;
  readonly model: JobModel;
  /** By its name. */
  readonly recordNamed: (name: string) => Promise<TreeRecord>;
}

/** @returns the model from now on @throws with all that is wrong */
export async function inspect({ image, keyFile, job, model, recordNamed }: Inspected): Promise<JobModel> {
  await using opened = await OpenedImage.open(image, keyFile);
  const directory = join(opened.directory, job);
  const names = await namesIn(directory);
  const digests: Digests = new Map();
  const found: Found[] = [];
  const details: string[] = [];
  for (const snapshot of names.filter((name) => finished.test(name))) {
    const tree = await recordTree(join(directory, snapshot, sourceOf(job)), digests);
    let record: string | undefined;
    let least: string[] | undefined;
    for (const candidate of candidates(model, snapshot)) {
      const differing = differences(await recordNamed(candidate), tree);
      if (differing.length === 0) record = candidate;
      else if (least === undefined || differing.length < least.length) least = differing;
    }
    found.push({ snapshot, record });
    if (record === undefined) details.push(`${snapshot}:`, ...(least ?? ["there is nothing to compare it with"]));
  }
  const judged = judge(model, found);
  if (names.includes("latest")) {
    const latest = await readlink(join(directory, "latest"));
    if (!names.includes(latest)) judged.wrong.push(`latest leads to ${latest}, which is not there`);
  }
  if (judged.wrong.length > 0) throw new Error([`job ${job}:`, ...judged.wrong, ...details].join("\n"));
  return judged.model;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).toSorted();
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  }
}
