import type { Command } from "commander";
import { addExamples, groups } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";

export function addJobsCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("jobs")
    .helpGroup(groups.watching)
    .summary("which jobs there are")
    .description("Lists the jobs of the agent's configuration: what they back up, and into which volume.")
    .action((_options: unknown, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { showJobs } = await import("../show/jobs.ts");
        await showJobs(session);
      }),
    );
  addExamples(command, [["luksmith jobs", "all jobs"]]);
}
