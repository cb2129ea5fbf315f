import type { Command } from "commander";
import { addExamples, detach } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { volumeName } from "../names.ts";

export function addVolumeCreateCommand(volume: Command, invocation: Invocation): void {
  const command = volume
    .command("create")
    .summary("make the image, its key and its file system")
    .description(
      "Makes the volume NAME as the agent's configuration describes it: the image on the backup host, its encryption " +
        "and its file system. Without a key of your own the agent makes one, and the recovery passphrase is shown " +
        "once, at the end.",
    )
    .argument("<name>", "the volume", volumeName)
    .option(...detach)
    .action((name: string, options: { detach?: true }, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { createVolume } = await import("../show/created-volume.ts");
        await createVolume(session, name, { detach: options.detach === true });
      }),
    );
  addExamples(command, [["luksmith volume create home", "make the volume home, and write the passphrase down"]]);
}
