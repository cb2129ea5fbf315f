import type { Command } from "commander";
import { LuksmithError } from "../../common/errors.ts";
import { addExamples } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { jobName, volumeName } from "../names.ts";

interface Options {
  job: string;
  as?: string;
  passphrase?: true;
  dryRun?: true;
  yes?: true;
}

export function addVolumeAdoptCommand(volume: Command, invocation: Invocation): void {
  const command = volume
    .command("adopt")
    .summary("make a volume of an image that was made by hand")
    .description(
      "Makes the volume NAME of an image that is on the backup host already: LUKS2 with ext4 or btrfs, and files in its " +
        "root. Nothing is copied: the image's header is pinned on this machine, and what is in its root becomes the " +
        "first snapshot of JOB, by renaming. What is found is shown first, and nothing is written before you say yes.",
    )
    .argument("<name>", "the volume", volumeName)
    .requiredOption("--job <job>", "the job that gets the first snapshot", jobName)
    .option(
      "--as <path>",
      "what the root of the image is a copy of (default: the job's source, if it has only one)",
      absolute,
    )
    .option(
      "--passphrase",
      "ask for the passphrase that opens it, or read it from standard input; without this, the key file opens it",
    )
    .option("--dry-run", "say what would be done, and change nothing")
    .option("--yes", "do not ask")
    .action((name: string, { job, as: root = "", ...options }: Options, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { adoptVolume } = await import("../show/adopted-volume.ts");
        await adoptVolume(session, { volume: name, job, root }, options);
      }),
    );
  addExamples(command, [
    ["luksmith volume adopt home --job home --dry-run", "what is in the image, and what would become of it"],
    [
      "luksmith volume adopt home --job home --as /home --passphrase",
      "its root is a copy of /home; a passphrase opens it",
    ],
  ]);
}

function absolute(text: string): string {
  if (text.startsWith("/")) return text;
  throw new LuksmithError("usage", "--as takes an absolute path", { hint: "such as --as /home" });
}
