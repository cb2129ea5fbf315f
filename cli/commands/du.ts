import type { Command } from "commander";
import { argumentBytes, readRawArguments } from "../argument-bytes.ts";
import { acceptRollback, addExamples, groups } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { jobName } from "../names.ts";

interface Options {
  acceptRollback?: true;
}

export function addDuCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("du")
    .helpGroup(groups.backup)
    .summary("what each snapshot takes on the volume")
    .description(
      "Counts what each snapshot of JOB takes on the volume: what it shares with others, and what is its own, which is " +
        "free again when it alone is removed. Whole snapshots are counted with everything in them; of a path only what " +
        "you may look into.",
    )
    .argument("<job>", "the job", jobName)
    .argument("[path]", "only this, and what is below it (default: everything)")
    .option(...acceptRollback)
    .action((job: string, path: string | undefined, options: Options, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { showSizes } = await import("../show/sizes.ts");
        await showSizes(session, {
          job,
          path: argumentBytes(path ?? "", readRawArguments()),
          acceptRollback: options.acceptRollback === true,
        });
      }),
    );
  addExamples(command, [
    ["luksmith du home", "all snapshots of the job home"],
    ["luksmith du home /var/lib", "what that directory takes in each of them"],
  ]);
}
