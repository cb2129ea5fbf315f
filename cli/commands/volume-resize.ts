import type { Command } from "commander";
import { addExamples, detach } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { volumeName } from "../names.ts";

interface Options {
  dryRun?: true;
  overcommit?: true;
  shrink?: true;
  detach?: true;
}

export function addVolumeResizeCommand(volume: Command, invocation: Invocation): void {
  const command = volume
    .command("resize")
    .summary("give it the size in the configuration")
    .description("Gives the image and the file system of the volume NAME the size that the configuration says now.")
    .argument("<name>", "the volume", volumeName)
    .option("--dry-run", "say what would be done and how small it could get, and change nothing")
    .option("--overcommit", "grow beyond what the backup host has room for now: the image is sparse")
    .option("--shrink", "make it smaller, where the configured size is: files move, so it takes its time")
    .option(...detach)
    .action((name: string, options: Options, self: Command) =>
      withSession(invocation, self, (session) =>
        session.run(
          () =>
            session.agent.resizeVolume({
              volume: name,
              dryRun: options.dryRun === true,
              overcommit: options.overcommit === true,
              shrink: options.shrink === true,
            }),
          { detach: options.detach === true },
        ),
      ),
    );
  addExamples(command, [
    ["luksmith volume resize home", "after raising `size` in /etc/luksmith/agent.yaml"],
    ["luksmith volume resize home --dry-run", "would it fit on the backup host, and how small could it get"],
    ["luksmith volume resize home --shrink", "after lowering `size`"],
  ]);
}
