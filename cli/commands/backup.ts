import type { Command } from "commander";
import { acceptRollback, addExamples, detach, groups } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { jobName } from "../names.ts";

interface Options {
  dryRun?: true;
  acceptRollback?: true;
  detach?: true;
}

export function addBackupCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("backup")
    .helpGroup(groups.backup)
    .summary("back up a job now")
    .description(
      "Backs up the sources of JOB into a new snapshot. Files that could not be read are listed, and make the exit " +
        "code 3. Ctrl-C ends the watching, not the backup.",
    )
    .argument("<job>", "the job", jobName)
    .option("--dry-run", "say what would be copied and removed, and change nothing")
    .option(...acceptRollback)
    .option(...detach)
    .action((job: string, options: Options, self: Command) =>
      withSession(invocation, self, (session) =>
        session.run(
          () =>
            session.agent.backup({
              job,
              dryRun: options.dryRun === true,
              acceptRollback: options.acceptRollback === true,
            }),
          { detach: options.detach === true },
        ),
      ),
    );
  addExamples(command, [
    ["luksmith backup home", "back up the job home, and watch"],
    ["luksmith backup home --dry-run", "what would be copied?"],
    ["luksmith backup home --detach", "from a script that does not wait"],
  ]);
}
