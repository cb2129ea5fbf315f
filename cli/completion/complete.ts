/** Answers a shell: what can stand where the cursor is. */

import { type Complete, ShellCompDirective } from "@bomb.sh/tab";
import tab from "@bomb.sh/tab/commander";
import type { Command } from "commander";
import { escapeControls } from "../../common/quote.ts";
import { type Invocation, socketPath } from "../invocation.ts";
import type { Candidate, FleetNames, KnownNames } from "./names.ts";

/** What an argument or an option's value is, by the name that help gives it. */
type Source = (names: AllNames, typed: string) => readonly Candidate[];

type AllNames = KnownNames & FleetNames;

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
  "volume adopt name": ({ volumes }) => volumes,
  "volume check name": ({ volumes }) => volumes,
  "volume resize name": ({ volumes }) => volumes,
  "trim volume": ({ volumes }) => volumes,
  "remote trust name": ({ remotes }) => remotes,
  "remote setup name": ({ remotes }) => remotes,
  "remote check name": ({ remotes }) => remotes,
  "log run": ({ runs }) => runs,
  "cancel run": ({ runs }) => runs,
  "fleet accept machine": ({ machines }) => machines,
  "fleet label machine": ({ machines }) => machines,
  "fleet rename machine": ({ machines }) => machines,
  "fleet revoke machine": ({ machines }) => machines,
  "fleet forget machine": ({ machines }) => machines,
  "fleet snapshots machine": ({ machines }) => machines,
  "fleet ls machine": ({ machines }) => machines,
  "fleet snapshots job": ({ machineJobs }) => machineJobs,
  "fleet ls snapshot": ({ machineJobs }) => machineJobs,
  "fleet run name": ({ machineJobs }) => machineJobs,
  "fleet schedules name": ({ schedules }) => schedules,
  "fleet log run": lastRuns,
  "fleet cancel run": lastRuns,
};

const optionSources: Readonly<Record<string, Source>> = {
  "runs job": ({ jobs }) => jobs,
  "volume adopt job": ({ jobs }) => jobs,
  "runs volume": ({ volumes }) => volumes,
  "fleet runs job": ({ machineJobs }) => machineJobs,
  "fleet runs schedule": ({ schedules }) => schedules,
  "snapshots volume": ({ volumes }) => volumes,
  "prune snapshot": ({ snapshots }) =>
    snapshots.map(({ value, description }) => ({ value: value.replace(/^.*@/, ""), description })),
};

/** Candidates are names that the agent or the controller made or checked; anything else could be a command when it is pasted. */
const harmless = /^[A-Za-z0-9][A-Za-z0-9@:._/-]*$/;

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

function handler(source: Source, names: AllNames, typed: string): (offer: Complete) => void {
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

/** The newest run of each machine: which others there are, nobody wants to wait for. */
function lastRuns({ machines }: AllNames): readonly Candidate[] {
  return machines.map(({ value, description }) => ({ value: `${value}/last`, description }));
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
    case "--fleet":
    case "--out":
    case "--file":
      return ShellCompDirective.ShellCompDirectiveDefault;
    case "-f":
      // of others it is --follow
      return words.includes("apply") ? ShellCompDirective.ShellCompDirectiveDefault : undefined;
    default:
      return undefined;
  }
}

async function namesFor(words: readonly string[], invocation: Invocation): Promise<AllNames> {
  const typed = words.at(-1) ?? "";
  const noFleet = { machines: [], machineJobs: [], schedules: [] };
  const noAgent = { jobs: [], volumes: [], remotes: [], runs: [], snapshots: [] };
  // a command or an option's name is known without the agent
  if (words.length < 2 || (typed.startsWith("-") && !typed.includes("="))) return { ...noAgent, ...noFleet };
  if (words.slice(0, -2).includes("fleet")) {
    const file = words[words.indexOf("--fleet") + 1];
    const { credentialPath } = await import("../fleet/credential.ts");
    const { fleetNames } = await import("./fleet-names.ts");
    const path = credentialPath(words.includes("--fleet") ? file : undefined, invocation.environment);
    return { ...noAgent, ...(await fleetNames(path)) };
  }
  const socket = words[words.indexOf("--socket") + 1];
  const { knownNames } = await import("./names.ts");
  const path = socketPath(words.includes("--socket") ? socket : undefined, invocation.environment);
  return { ...noFleet, ...(await knownNames(path)) };
}
