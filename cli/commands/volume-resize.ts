import type { Command } from "commander";
import { addExamples, detach } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { volumeName } from "../names.ts";

export function addVolumeResizeCommand(volume: Command, invocation: Invocation): void {
  const command = volume
    .command("resize")
    .summary("grow it to the size in the configuration")
    .description("Grows the image and the file system of the volume NAME to the size that the configuration says now.")
    .argument("<name>", "the volume", volumeName)
    .option(...detach)
    .action((name: string, options: { detach?: true }, self: Command) =>
      withSession(invocation, self, (session) =>
        session.run(() => session.agent.resizeVolume({ volume: name }), { detach: options.detach === true }),
      ),
    );
  addExamples(command, [["luksmith volume resize home", "after raising `size` in /etc/luksmith/agent.yaml"]]);
}
