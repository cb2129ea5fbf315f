/** What a person who asks about rights means by the words that they typed. Pure. */

import { LuksmithError } from "../../common/errors.ts";
import { nearest } from "../../common/nearest.ts";
import { quoteText } from "../../common/quote.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import type { AccessTarget } from "./policy.ts";
import { type AccessVerb, accessVerbNames, accessVerbs } from "./verb.ts";

/** @throws {LuksmithError} "usage" with the nearest verb */
export function accessVerb(text: string): AccessVerb {
  const verb = accessVerbNames.find((name) => name === text);
  if (verb !== undefined) return verb;
  const near = nearest(text, accessVerbNames);
  throw new LuksmithError("usage", `there is no verb ${quoteText(text)} that access could allow`, {
    hint: near === undefined ? `there are: ${accessVerbNames.join(", ")}` : `did you mean ${quoteText(near)}?`,
  });
}

/**
 * What a name stands for with this verb: a job where the verb is about jobs and there is one of that name, else a volume.
 * @param may what the one who asks may know of; a name beyond that is taken as it is, whether there is one or not
 * @throws {LuksmithError} "usage" when the verb needs a name, or takes none; "not_found" with the nearest name
 */
export function targetNamed(
  { jobs, volumes }: Pick<AgentConfig, "jobs" | "volumes">,
  verb: AccessVerb,
  name: string,
  may: "everything" | "own",
): AccessTarget {
  const { target: kind } = accessVerbs[verb];
  if (kind === "none") {
    if (name === "") return {};
    throw new LuksmithError("usage", `${verb} is about the agent as a whole, not about ${quoteText(name)}`, {
      hint: "leave the name out",
    });
  }
  if (name === "") {
    if (kind === "listing") return {};
    const noun = kind === "run" ? "job or volume of the run" : kind;
    throw new LuksmithError("usage", `${verb} is about a ${noun}: which one?`, {
      hint: kind === "volume" ? "luksmith volume list shows them" : "luksmith jobs lists them",
    });
  }
  const isAboutJobs = kind !== "volume" && verb !== "volumes";
  const job = isAboutJobs ? jobs.get(name) : undefined;
  if (job !== undefined) {
    return { job: name, volume: job.volume, ...(job.user === undefined ? {} : { user: job.user }) };
  }
  if (kind !== "job" && volumes.has(name)) return { volume: name };
  if (may === "own") return isAboutJobs ? { job: name } : { volume: name };
  const known = [...(isAboutJobs ? jobs.keys() : []), ...(kind === "job" ? [] : volumes.keys())];
  const near = nearest(name, known);
  const noun = kind === "job" ? "job" : isAboutJobs ? "job or volume" : "volume";
  const other = kind === "volume" ? jobs.get(name)?.volume : undefined;
  throw new LuksmithError("not_found", `there is no ${noun} ${quoteText(name)} in the configuration`, {
    hint: hintFor(verb, kind, { near, known, volumeOfJob: other, isVolume: volumes.has(name) }),
  });
}

function hintFor(
  verb: AccessVerb,
  kind: string,
  {
    near,
    known,
    volumeOfJob,
    isVolume,
  }: {
    near: string | undefined;
    known: readonly string[];
    volumeOfJob: string | undefined;
    isVolume: boolean;
  },
): string {
  if (volumeOfJob !== undefined) return `${verb} is about volumes, and the job's is ${volumeOfJob}`;
  if (kind === "job" && isVolume) return `${verb} is about jobs: luksmith jobs lists those of the volume`;
  return near === undefined ? `known: ${known.join(", ") || "none"}` : `did you mean ${quoteText(near)}?`;
}
