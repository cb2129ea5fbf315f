import type { Command } from "commander";
import { addExamples, groups } from "../help-text.ts";
import type { Invocation } from "../invocation.ts";
import { addKeyAddCommand } from "./key-add.ts";
import { addKeyListCommand } from "./key-list.ts";
import { addKeyReencryptCommand } from "./key-reencrypt.ts";
import { addKeyRemoveCommand } from "./key-remove.ts";
import { addKeyRotateCommand } from "./key-rotate.ts";

export function addKeyCommand(program: Command, invocation: Invocation): void {
  const key = program
    .command("key")
    .helpGroup(groups.setup)
    .summary("what opens a volume: list, add, remove and rotate keys, re-encrypt it")
    .description(
      "A volume has key slots, each of which opens it: one is the agent's own, the others are passphrases and keys of " +
        "people. Each change is tried on a copy before it counts, and then made in the header on the backup host as well.",
    );
  addKeyListCommand(key, invocation);
  addKeyAddCommand(key, invocation);
  addKeyRemoveCommand(key, invocation);
  addKeyRotateCommand(key, invocation);
  addKeyReencryptCommand(key, invocation);
  addExamples(key, [
    ["luksmith key list home", "which slots there are"],
    ["luksmith key add home --generate", "another recovery passphrase, shown once"],
    ["luksmith key rotate home", "another key file for the agent"],
  ]);
}
