import type { Command } from "commander";
import { addExamples, detach } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { slotNumber, volumeName } from "../names.ts";

export function addKeyRemoveCommand(key: Command, invocation: Invocation): void {
  const command = key
    .command("remove")
    .summary("a key slot of a volume that is to go")
    .description(
      "Removes a key slot of VOLUME from the pinned header and from the one on the backup host: its key opens the volume no " +
        "more. Refused for the last slot, and for the agent's own. Whoever has kept an older copy of the header can still " +
        "open the image with that and the key: see docs/keys.md.",
    )
    .argument("<volume>", "the volume", volumeName)
    .argument("<slot>", "its number, as luksmith key list shows it", slotNumber)
    .option(...detach)
    .action((volume: string, slot: number, options: { detach?: true }, self: Command) =>
      withSession(invocation, self, (session) =>
        session.run(() => session.agent.removeKey({ volume, slot }), { detach: options.detach === true }),
      ),
    );
  addExamples(command, [["luksmith key remove home 2", "the key in slot 2 opens the volume home no more"]]);
}
