/** What a name or an id in a request means, told only to those who may use it. */

import type { Run } from "../../proto/gen/luksmith/v1/types.ts";
import type { AuthorizedCaller } from "../access/access.ts";
import type { AccessVerb } from "../access/verb.ts";
import type { JobConfig } from "../config/job.ts";
import { findJob } from "../volume/target.ts";
import { type Agent, ofRun } from "./agent.ts";

/**
 * @param sources that are named, for the record
 * @throws {LuksmithError} "denied", also for a job that does not exist unless the caller may use every job: which names
 *   there are is not for everybody; "not_found"
 */
export async function authorizedJob(
  { access, config }: Agent,
  peer: string,
  verb: AccessVerb,
  name: string,
  sources: readonly string[] = [],
): Promise<{ job: JobConfig; caller: AuthorizedCaller }> {
  const known = config.jobs.get(name);
  const target = { volume: known?.volume, job: name, user: known?.user };
  const caller = await access.authorize(peer, verb, target, sources);
  return { job: findJob(config, name), caller };
}

/** @throws {LuksmithError} "denied"; "not_found", also for a run that the caller is not to know of; "usage" */
export async function authorizedRun(
  { access, runs }: Agent,
  peer: string,
  verb: AccessVerb,
  id: string,
): Promise<{ run: Run; caller: AuthorizedCaller }> {
  const { found, caller } = await access.authorizeRun(peer, verb, id, (who) => {
    const may = (asked: AccessVerb, run: Run) => access.explain(who, asked, ofRun(run)).allowed;
    const run = who.uid === 0 ? runs.get(id) : runs.get(id, (each) => may("runs", each) || may(verb, each));
    return { found: run, target: ofRun(run), run: run.id };
  });
  return { run: found, caller };
}
