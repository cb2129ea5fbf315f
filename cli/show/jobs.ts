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
  const user = (cell: string) => (jobs.some((job) => job.user !== "") ? [cell] : []);
  return table(
    ["JOB", "VOLUME", ...user("USER"), "SOURCES", "EXCLUDES"],
    jobs.map((job) => {
      const excludes = job.exclude.join(" ") || "-";
      return [job.name, job.volume, ...user(job.user || "-"), sourcesText(job), excludes];
    }),
    paint,
  );
}

function sourcesText({ sources, sourcesBelow, user }: Job): string {
  if (sources.length > 0) return sources.join(" ");
  return `named by ${user}, below ${sourcesBelow.join(" ")}`;
}
