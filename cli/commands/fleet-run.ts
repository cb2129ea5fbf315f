import { Argument, type Command, Option } from "commander";
import { LuksmithError } from "../../common/errors.ts";
import { selector } from "../fleet/names.ts";
import { addExamples, detach } from "../help-text.ts";
import { type Invocation, withFleet } from "../invocation.ts";
import { duration, jobOrVolumeName } from "../names.ts";

interface Options {
  allMachines?: true;
  dryRun?: true;
  detach?: true;
  expires: number;
  deadline?: number;
  level?: string;
}

/** What may be asked of a machine, and whether it is about a job or a volume. */
const verbs = {
  backup: "job",
  verify: "job",
  drill: "job",
  prune: "job",
  trim: "volume",
  check: "volume",
} as const;

type VerbWord = keyof typeof verbs;

const dayMs = 86_400_000;

export function addFleetRunCommand(fleet: Command, invocation: Invocation): void {
  const command = fleet
    .command("run")
    .summary("start something now, on all machines that a selector names")
    .description(
      "Asks each machine that SELECTOR names to do VERB now, and watches until all have done it. A machine that is away " +
        "does it when it comes back, until --expires; a run that takes longer than --deadline is ended there. What a " +
        "machine's own configuration (`controller.allow`) does not let the fleet do is shown as refused. The exit code is that of the worst outcome; Ctrl-C ends the watching alone.",
    )
    .argument("<selector>", 'which machines, such as env=prod or "name=web*"; all is every machine', selector)
    .addArgument(new Argument("<verb>", "what they are to do").choices(Object.keys(verbs)))
    .argument("<name>", "the job; of trim and check the volume", jobOrVolumeName)
    .option("--all-machines", "it may be every machine")
    .option("--dry-run", "say which machines would be asked, and ask none")
    .option(
      "--detach",
      detach[1].replace("the run has begun, and print its id", "they are asked, and print the id of it all"),
    )
    .addOption(new Option("--expires <duration>", "not begun later than that").argParser(duration).default(dayMs, "1d"))
    .option(
      "--deadline <duration>",
      "a run that takes longer is ended, and has failed (default: the machine's own)",
      duration,
    )
    .addOption(new Option("--level <level>", "of verify").choices(["quick", "spot", "full", "scrub"]))
    .action((which: string, verb: VerbWord, name: string, options: Options, self: Command) => {
      if (options.level !== undefined && verb !== "verify") {
        throw new LuksmithError("usage", "--level is for verify", {
          hint: `luksmith fleet run ${which} verify JOB --level ${options.level}`,
        });
      }
      return withFleet(invocation, self, async (session) => {
        const { Work } = await import("../../proto/gen/luksmith/v1/fleet.ts");
        const { Verb } = await import("../../proto/gen/luksmith/v1/types.ts");
        const { runOnMachines } = await import("../show/fleet-dispatches.ts");
        const { BACKUP, VERIFY, DRILL, PRUNE, TRIM, CHECK_VOLUME } = Verb;
        const meant = { backup: BACKUP, verify: VERIFY, drill: DRILL, prune: PRUNE, trim: TRIM, check: CHECK_VOLUME };
        const request = {
          selector: which,
          work: Work.create({
            verb: meant[verb],
            [verbs[verb]]: name,
            level: options.level ?? "",
            deadlineMs: options.deadline ?? 0,
          }),
          expiresMs: options.expires,
          everyMachine: options.allMachines === true,
          dryRun: options.dryRun === true,
        };
        await runOnMachines(session, request, { detach: options.detach === true });
      });
    });
  addExamples(command, [
    ["luksmith fleet run env=prod backup home", "back up the job home on all of them, and watch"],
    ["luksmith fleet run name=db01 verify home --level quick", "one machine, by its name"],
    ["luksmith fleet run env=prod backup home --deadline 6h", "not for longer than that, on any of them"],
    ["luksmith fleet run all check home --all-machines --detach", "from a script that does not wait"],
    ["luksmith fleet run 'name=web*' backup home --dry-run", "who would be asked?"],
  ]);
}
