import type { Command } from "commander";
import { acceptRollback, addExamples, detach } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { volumeName } from "../names.ts";

export function addVolumeCheckCommand(volume: Command, invocation: Invocation): void {
  const command = volume
    .command("check")
    .summary("is the volume whole, and as this machine left it?")
    .description(
      "Checks the volume NAME: the header that the backup host stores against the pinned one, the generation against " +
        "the last one seen here, and the file system.",
    )
    .argument("<name>", "the volume", volumeName)
    .option(...acceptRollback)
    .option(
      "--repair",
      "let e2fsck mend whatever it finds, which may cost files: copy the image first. Of btrfs a superblock is mended, and " +
        "metadata that have a second copy",
    )
    .option(...detach)
    .action((name: string, options: { acceptRollback?: true; repair?: true; detach?: true }, self: Command) =>
      withSession(invocation, self, (session) =>
        session.run(
          () =>
            session.agent.checkVolume({
              volume: name,
              acceptRollback: options.acceptRollback === true,
              repair: options.repair === true,
            }),
          { detach: options.detach === true },
        ),
      ),
    );
  addExamples(command, [
    ["luksmith volume check home", "exit code 14 when the backup host changed something"],
    ["luksmith volume check home --repair", "after a run said that the file system has to be repaired"],
    ["luksmith volume check home --accept-rollback", "go on after the host was restored from an older copy"],
  ]);
}
