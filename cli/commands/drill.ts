import type { Command } from "commander";
import { argumentBytes, readRawArguments } from "../argument-bytes.ts";
import { acceptRollback, addExamples, detach, groups, snapshotHelp } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { byteSize, sampleSeed } from "../names.ts";
import { parseSnapshotReference, type SnapshotReference } from "../snapshot-reference.ts";

interface Options {
  sample?: number;
  seed?: string;
  scratch?: string;
  acceptRollback?: true;
  detach?: true;
}

export function addDrillCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("drill")
    .helpGroup(groups.backup)
    .summary("try a restore, and say how long everything would take")
    .description(
      "Restores a random sample of a snapshot, or what is at PATH, to a scratch directory, compares it with this machine's " +
        "own files where those have not changed since, and removes it again. How long it took is remembered: luksmith status " +
        "shows the last drill of each job.",
    )
    .argument("<snapshot>", "JOB or JOB@SNAPSHOT", parseSnapshotReference)
    .argument("[path]", "relative to the snapshot, or absolute as it was on this machine (default: a random sample)")
    .option("--sample <size>", "how much the sample may be (default: 1G)", byteSize)
    .option("--seed <text>", "choose the same files again: the seed that a run has named", sampleSeed)
    .option("--scratch <dir>", "where to restore to, for root to say (default: the agent's state directory)")
    .option(...acceptRollback)
    .option(...detach)
    .addHelpText("after", snapshotHelp)
    .action(({ job, snapshot }: SnapshotReference, path: string | undefined, options: Options, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { targetDirectory } = await import("../target-directory.ts");
        const raw = readRawArguments();
        const request = {
          job,
          snapshot,
          path: path === undefined ? Buffer.alloc(0) : argumentBytes(path, raw),
          sampleBytes: options.sample ?? 0,
          seed: options.seed ?? "",
          scratch:
            options.scratch === undefined ? Buffer.alloc(0) : targetDirectory(argumentBytes(options.scratch, raw)),
          acceptRollback: options.acceptRollback === true,
        };
        await session.run(() => session.agent.drill(request), { detach: options.detach === true });
      }),
    );
  addExamples(command, [
    ["luksmith drill home", "a random gigabyte of the newest snapshot"],
    ["luksmith drill home /home/alice", "all of this directory"],
    ["luksmith drill home --sample 20G --scratch /mnt/big", "more of it, on a larger disk"],
  ]);
}
