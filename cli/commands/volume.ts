import type { Command } from "commander";
import { addExamples, groups } from "../help-text.ts";
import type { Invocation } from "../invocation.ts";
import { addVolumeAdoptCommand } from "./volume-adopt.ts";
import { addVolumeCheckCommand } from "./volume-check.ts";
import { addVolumeCreateCommand } from "./volume-create.ts";
import { addVolumeListCommand } from "./volume-list.ts";
import { addVolumeResizeCommand } from "./volume-resize.ts";

export function addVolumeCommand(program: Command, invocation: Invocation): void {
  const volume = program
    .command("volume")
    .helpGroup(groups.setup)
    .summary("create, adopt, list, check and resize volumes")
    .description(
      "A volume is an encrypted image on a backup host, with the file system in it and the key that opens it.",
    );
  addVolumeCreateCommand(volume, invocation);
  addVolumeAdoptCommand(volume, invocation);
  addVolumeListCommand(volume, invocation);
  addVolumeCheckCommand(volume, invocation);
  addVolumeResizeCommand(volume, invocation);
  addExamples(volume, [
    ["luksmith volume create home", "make the volume that the configuration describes"],
    ["luksmith volume list", "which volumes there are, and in which state"],
  ]);
}
