/** The answer of ListJobs. */

import type { Job } from "../../proto/gen/luksmith/v1/agent.ts";
import { jobJson } from "../json.ts";
import type { Session } from "../session.ts";
import { type Paint, table } from "../table.ts";

export async function showJobs(session: Session): Promise<void> {
  const { jobs } = await session.waitFor("asking the agent", session.agent.listJobs());
  const paint: Paint = (style, text) => session.terminal.paintOut(style, text);
  session.result(
    () => jobs.map(jobJson),
    () => jobsText(jobs, paint),
  );
}

export function jobsText(jobs: readonly Job[], paint: Paint): string {
  if (jobs.length === 0) return "no job is configured\n";
  return table(
    ["JOB", "VOLUME", "SOURCES", "EXCLUDES"],
    jobs.map((job) => [job.name, job.volume, job.sources.join(" "), job.exclude.join(" ") || "-"]),
    paint,
  );
}
