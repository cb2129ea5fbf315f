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
        "code 3. Ctrl-C ends the watching, not the backup. The user of a job may name sources, where the job lets them: " +
        "they are read with that user's rights.",
    )
    .argument("<job>", "the job", jobName)
    .argument("[path...]", "what to back up, where the job leaves that to its user (default: as the job says)")
    .option("--dry-run", "say what would be copied and removed, and change nothing")
    .option(...acceptRollback)
    .option(...detach)
    .action((job: string, paths: string[], options: Options, self: Command) =>
      withSession(invocation, self, async (session) => {
        const request = {
          job,
          dryRun: options.dryRun === true,
          acceptRollback: options.acceptRollback === true,
          sources: await sourcesOf(paths),
        };
        await session.run(() => session.agent.backup(request), { detach: options.detach === true });
      }),
    );
  addExamples(command, [
    ["luksmith backup home", "back up the job home, and watch"],
    ["luksmith backup mine ~/letters ~/photos", "what you name, of a job that is yours"],
    ["luksmith backup home --dry-run", "what would be copied?"],
    ["luksmith backup home --detach", "from a script that does not wait"],
  ]);
}

async function sourcesOf(paths: readonly string[]): Promise<Buffer[]> {
  if (paths.length === 0) return [];
  const { argumentBytes, readRawArguments } = await import("../argument-bytes.ts");
  const { namedSource } = await import("../target-directory.ts");
  const raw = readRawArguments();
  return paths.map((path) => namedSource(argumentBytes(path, raw)));
}
