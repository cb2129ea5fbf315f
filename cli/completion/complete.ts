/** Answers a shell: what can stand where the cursor is. */

import { type Complete, ShellCompDirective } from "@bomb.sh/tab";
import tab from "@bomb.sh/tab/commander";
import type { Command } from "commander";
import { escapeControls } from "../../common/quote.ts";
import { type Invocation, socketPath } from "../invocation.ts";
import type { Candidate, KnownNames } from "./names.ts";

/** What an argument or an option's value is, by the name that help gives it. */
type Source = (names: KnownNames, typed: string) => readonly Candidate[];

const argumentSources: Readonly<Record<string, Source>> = {
  "access check name": ({ jobs }) => jobs,
  "backup job": ({ jobs }) => jobs,
  "prune job": ({ jobs }) => jobs,
  "snapshots job": ({ jobs }) => jobs,
  "diff job": ({ jobs }) => jobs,
  "du job": ({ jobs }) => jobs,
  "find snapshots": snapshotReferences,
  "cat snapshot": snapshotReferences,
  "browse snapshot": snapshotReferences,
  "ls snapshot": snapshotReferences,
  "restore snapshot": snapshotReferences,
  "verify snapshot": snapshotReferences,
  "volume create name": ({ volumes }) => volumes,
  "volume check name": ({ volumes }) => volumes,
  "volume resize name": ({ volumes }) => volumes,
  "trim volume": ({ volumes }) => volumes,
  "remote trust name": ({ remotes }) => remotes,
  "remote setup name": ({ remotes }) => remotes,
  "remote check name": ({ remotes }) => remotes,
  "log run": ({ runs }) => runs,
  "cancel run": ({ runs }) => runs,
};

const optionSources: Readonly<Record<string, Source>> = {
  "runs job": ({ jobs }) => jobs,
  "runs volume": ({ volumes }) => volumes,
  "snapshots volume": ({ volumes }) => volumes,
  "prune snapshot": ({ snapshots }) =>
    snapshots.map(({ value, description }) => ({ value: value.replace(/^.*@/, ""), description })),
};

/** Candidates are names that the agent made or checked; anything else could be a command when it is pasted. */
const harmless = /^[A-Za-z0-9][A-Za-z0-9@:._-]*$/;

/** @param words those after the program's own name; the last one is being typed */
export async function complete(program: Command, invocation: Invocation, words: readonly string[]): Promise<void> {
  const paths = pathDirective(words);
  if (paths !== undefined) return invocation.terminal.outLine(`:${paths}`);

  const typed = words.at(-1) ?? "";
  const names = await namesFor(words, invocation);
  describeShortly(program);
  const root = tab(program);
  // how the scripts call us, and nothing to type
  root.commands.delete("complete");
  for (const [path, command] of root.commands) {
    for (const [name, argument] of command.arguments) {
      const source = argumentSources[`${path} ${name}`];
      if (source !== undefined) argument.handler = handler(source, names, typed);
    }
    for (const [name, option] of command.options) {
      const source = optionSources[`${path} ${name}`];
      if (source !== undefined) option.handler = handler(source, names, typed);
    }
  }
  root.parse([...words]);
}

/** A shell has one line for each command; the descriptions are paragraphs. */
function describeShortly(command: Command): void {
  for (const each of command.commands) {
    each.description(each.summary());
    describeShortly(each);
  }
}

function handler(source: Source, names: KnownNames, typed: string): (offer: Complete) => void {
  return (offer) => {
    for (const { value, description } of source(names, typed)) {
      // the shells' protocol has a tab and a line break of its own
      if (harmless.test(value)) offer(value, escapeControls(description));
    }
  };
}

function snapshotReferences({ jobs, snapshots }: KnownNames, typed: string): readonly Candidate[] {
  const newest = jobs.map(({ value }) => ({ value: `${value}@latest`, description: "the newest snapshot" }));
  return typed.includes("@") ? [...newest, ...snapshots] : [...jobs, ...newest];
}

/** The shell's own completion of paths, where a path is expected: the number of its flag, else undefined. */
export function pathDirective(words: readonly string[]): number | undefined {
  const typed = words.at(-1) ?? "";
  const option = typed.startsWith("--") && typed.includes("=") ? typed.slice(0, typed.indexOf("=")) : words.at(-2);
  switch (option) {
    case "--to":
      return ShellCompDirective.ShellCompDirectiveFilterDirs;
    case "--paths0-from":
    case "--socket":
      return ShellCompDirective.ShellCompDirectiveDefault;
    default:
      return undefined;
  }
}

async function namesFor(words: readonly string[], invocation: Invocation): Promise<KnownNames> {
  const typed = words.at(-1) ?? "";
  // a command or an option's name is known without the agent
  if (words.length < 2 || (typed.startsWith("-") && !typed.includes("=")))
    return { jobs: [], volumes: [], remotes: [], runs: [], snapshots: [] };
  const socket = words[words.indexOf("--socket") + 1];
  const { knownNames } = await import("./names.ts");
  return knownNames(socketPath(words.includes("--socket") ? socket : undefined, invocation.environment));
}
