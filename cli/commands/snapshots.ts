import type { Command } from "commander";
import { LuksmithError } from "../../common/errors.ts";
import { acceptRollback, addExamples, groups } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { jobName, volumeName } from "../names.ts";

interface Options {
  volume?: string;
  acceptRollback?: true;
}

export function addSnapshotsCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("snapshots")
    .helpGroup(groups.backup)
    .summary("which snapshots there are")
    .description("Lists the snapshots of JOB, or of all jobs. The volume is opened for it, which takes some seconds.")
    .argument("[job]", "the job (default: all)", jobName)
    .option("--volume <name>", "the jobs of this volume only", volumeName)
    .option(...acceptRollback)
    .action((job: string | undefined, options: Options, self: Command) => {
      if (job !== undefined && options.volume !== undefined) {
        throw new LuksmithError("usage", "a job and --volume exclude one another", {
          hint: `luksmith snapshots ${job}`,
        });
      }
      return withSession(invocation, self, async (session) => {
        const { showSnapshots } = await import("../show/snapshots.ts");
        await showSnapshots(session, {
          job: job ?? "",
          volume: options.volume ?? "",
          acceptRollback: options.acceptRollback === true,
        });
      });
    });
  addExamples(command, [
    ["luksmith snapshots home", "the snapshots of the job home"],
    ["luksmith snapshots --json | jq -r 'select(.type == \"snapshot\").name'", "the names alone, of all jobs"],
  ]);
}
