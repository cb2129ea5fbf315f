import type { RemoteFinding } from "../../../proto/gen/luksmith/v1/agent.ts";
import { no, ok } from "./finding.ts";
import { Trial } from "./trial.ts";

const hint = 'on the backup host, in front of the key: restrict,command="..."; luksmith remote setup does it';

/** A command would print a word that is not in it. */
export async function runsCommands(trial: Trial): Promise<RemoteFinding> {
  const subject = "no commands";
  const word = Trial.word();
  const { stdout } = await trial.ssh([], ["echo", splitWord(word)]);
  if (stdout.includes(word)) return no(subject, "the key can run any command", hint);
  return ok(subject, "none is run");
}

export async function hasShell(trial: Trial): Promise<RemoteFinding> {
  const subject = "no shell";
  const word = Trial.word();
  const { stdout } = await trial.ssh(["-T"], [], `echo ${splitWord(word)}\nexit\n`);
  if (stdout.includes(word)) return no(subject, "the key gets a shell", hint);
  return ok(subject, "there is none");
}

/** ssh says when it was refused one. */
export async function hasTerminal(trial: Trial): Promise<RemoteFinding> {
  const subject = "no terminal";
  const { stderr } = await trial.ssh(["-o", "RequestTTY=force"], ["true"]);
  if (/PTY allocation request failed/i.test(stderr)) return ok(subject, "a terminal is refused");
  return no(subject, "the key gets a terminal", hint);
}

/** Shells put it together again; whoever only repeats what was asked for does not. */
function splitWord(word: string): string {
  return `${word.slice(0, 12)}''${word.slice(12)}`;
}
