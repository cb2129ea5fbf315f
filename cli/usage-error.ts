/** What commander has to say about a command line, in our own form. */

import type { Command, CommanderError } from "commander";
import { LuksmithError } from "../common/errors.ts";
import { escapeControls } from "../common/quote.ts";

/** @param args the arguments as typed, to tell whose help to offer */
export function usageError(error: CommanderError, program: Command, args: readonly string[]): LuksmithError {
  const [first = "", ...rest] = error.message.split("\n");
  // commander's own form: "error: unknown option '--foo'", then perhaps "(Did you mean --for?)"
  const message = first
    .replace(/^error: /, "")
    .replace(/^command-argument value/, "value")
    .replace(/\.$/, "");
  const similar = /^\(Did you mean (.+)\?\)$/.exec(rest.join(" "))?.[1];
  const help = `${commandPath(program, args)} --help`;
  if (error.code === "commander.help") return new LuksmithError("usage", "no command is named", { hint: help });
  return new LuksmithError("usage", escapeControls(message), {
    hint: similar === undefined ? help : `did you mean ${similar}? see ${help}`,
    cause: error,
  });
}

/** "luksmith volume create": the command that the arguments name, as far as they do. */
export function commandPath(program: Command, args: readonly string[]): string {
  const path = [program.name()];
  let command = program;
  // `help volume create` is about the command that it names
  for (const arg of args[0] === "help" ? args.slice(1) : args) {
    if (arg === "--") break;
    const next = command.commands.find((candidate) => candidate.name() === arg);
    if (next === undefined) continue;
    command = next;
    path.push(arg);
  }
  return path.join(" ");
}
