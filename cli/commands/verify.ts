import { type Command, Option } from "commander";
import { LuksmithError } from "../../common/errors.ts";
import { acceptRollback, addExamples, detach, groups, snapshotHelp } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { byteSize, sampleSeed } from "../names.ts";
import { parseSnapshotReference, type SnapshotReference } from "../snapshot-reference.ts";

interface Options {
  quick?: true;
  spot?: true;
  scrub?: true;
  sample?: number;
  seed?: string;
  acceptRollback?: true;
  detach?: true;
}

export function addVerifyCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("verify")
    .helpGroup(groups.backup)
    .summary("compare a snapshot with its source")
    .description(
      "Reads a snapshot back and compares the content of every file that has not changed since with its source. Says " +
        "how many are equal, and which differ. --spot does so for a random part, and also reads back whole what has changed " +
        "since; --quick looks the volume over, and reads no file.",
    )
    .argument("<snapshot>", "JOB or JOB@SNAPSHOT", parseSnapshotReference)
    .addOption(
      new Option("--quick", "the volume's header, file system and structure alone").conflicts(["spot", "scrub"]),
    )
    .option("--spot", "a random sample of the files")
    .addOption(
      new Option("--scrub", "all of the job's volume, compared with its own checksums (btrfs)").conflicts("spot"),
    )
    .option("--sample <size>", "how much that may be (default: 1G)", byteSize)
    .option("--seed <text>", "choose the same files again: the seed that a run has named", sampleSeed)
    .option(...acceptRollback)
    .option(...detach)
    .addHelpText("after", snapshotHelp)
    .action(({ job, snapshot }: SnapshotReference, options: Options, self: Command) => {
      if (options.spot !== true && (options.sample !== undefined || options.seed !== undefined)) {
        throw new LuksmithError("usage", "--sample and --seed are for --spot", {
          hint: `luksmith verify ${job} --spot`,
        });
      }
      const sample = { sampleBytes: options.sample ?? 0, seed: options.seed ?? "" };
      const acceptsRollback = options.acceptRollback === true;
      return withSession(invocation, self, async (session) => {
        const { VerifyLevel } = await import("../../proto/gen/luksmith/v1/agent.ts");
        const { QUICK, SPOT, SCRUB, FULL } = VerifyLevel;
        const level = options.quick ? QUICK : options.spot ? SPOT : options.scrub ? SCRUB : FULL;
        const request = { job, snapshot, acceptRollback: acceptsRollback, level, ...sample };
        await session.run(() => session.agent.verify(request), { detach: options.detach === true });
      });
    });
  addExamples(command, [
    ["luksmith verify home", "is the newest snapshot of the job home what is on the disk?"],
    ["luksmith verify home --spot --sample 5G", "the same of a random part, each time another one"],
    ["luksmith verify home --scrub", "is everything in its volume what was written there? Needs no originals"],
    ["luksmith verify home --quick", "are header, file system and snapshots as they should be? Seconds"],
  ]);
}
