import type { Command } from "commander";
import { groups } from "../help-text.ts";

/** commander's own stops at the first word, and answers a wrong one with the help of everything. */
export function addHelpCommand(program: Command): void {
  program
    .helpCommand(false)
    .command("help")
    .helpGroup(groups.more)
    .summary("the help of a command")
    .description("Shows the help of a command, as --help behind it does.")
    .argument("[command...]", "such as: volume create")
    .addHelpText("after", "\nExample:\n  # the same as luksmith volume create --help\n  luksmith help volume create\n")
    .action(async (words: string[]) => {
      let command = program;
      for (const word of words) {
        if (command.commands.length === 0) break;
        const next = command.commands.find((candidate) => candidate.name() === word);
        // parsing it says what is wrong, and what may have been meant
        if (next === undefined) await command.parseAsync([word], { from: "user" });
        else command = next;
      }
      command.help();
    });
}
