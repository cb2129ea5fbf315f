import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { type Command, CommanderError } from "commander";
import { parse } from "yaml";
import { socketPath } from "../../../cli/invocation.ts";
import { makeProgram } from "../../../cli/program.ts";
import { Terminal } from "../../../cli/terminal.ts";
import { commandPath, usageError } from "../../../cli/usage-error.ts";

function makeTestProgram(): { program: Command; shown: string[] } {
  const silent = { write: () => true };
  const shown: string[] = [];
  const show = (text: string) => void shown.push(text);
  const program = makeProgram(
    { terminal: new Terminal(silent, silent, {}), version: "9.9.9", environment: {} },
    { out: show, err: show, outColumns: () => undefined, errColumns: () => undefined },
  );
  return { program, shown };
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

test("every command has a summary, a description, an example and described options", () => {
  const { program } = makeTestProgram();
  for (const command of everyCommand(program).slice(1)) {
    const name = command.name();
    assert.notEqual(command.summary(), "", name);
    assert.match(command.description(), /^[A-Z].*/, name);
    for (const option of command.options) assert.notEqual(option.description, "", `${name} ${option.flags}`);
    for (const argument of command.registeredArguments)
      assert.notEqual(argument.description, "", `${name} ${argument.name()}`);
  }
});

test("the help shows an example that the program itself accepts the options of", () => {
  const { program, shown } = makeTestProgram();
  for (const command of everyCommand(program).slice(1)) {
    shown.length = 0;
    command.outputHelp();
    const help = shown.join("");
    const examples = [...help.matchAll(/^ {2}luksmith (.*)$/gm)].map(([, line]) => line ?? "");
    assert.ok(examples.length > 0, `${command.name()} has no example`);
    for (const example of examples) {
      for (const [, flag] of example.matchAll(/(?<=\s)(--[a-z][a-z0-9-]+)/g)) {
        assert.ok(
          everyCommand(program).some(({ options }) => options.some(({ long }) => long === flag)),
          `${example}: ${flag}`,
        );
      }
    }
    assert.match(help, /--json/, `${command.name()} does not mention --json`);
  }
});

test("the commands that alert rules name are there, and take what they are given", () => {
  const { program } = makeTestProgram();
  const { groups } = parse(readFileSync("deploy/prometheus/luksmith.rules.yaml", "utf8"));
  const texts: string[] = groups
    .flatMap(({ rules }: { rules: { annotations: object }[] }) => rules)
    .flatMap(({ annotations }: { annotations: object }) => Object.values(annotations));
  const named = texts.flatMap((text) => /(?<![-\w])luksmith ([a-z].*)$/.exec(text)?.[1] ?? []);
  assert.ok(named.length >= 4, named.join(", "));
  for (const line of named) {
    const words = line.replaceAll(/\{\{.*?\}\}/g, "X").split(" ");
    let command: Command = program;
    for (;;) {
      const next = command.commands.find((each) => each.name() === words[0]);
      if (next === undefined) break;
      command = next;
      words.shift();
    }
    assert.notEqual(command, program, line);
    assert.ok(words.length <= command.registeredArguments.length, line);
    words.forEach((word, at) => {
      const choices = command.registeredArguments[at]?.argChoices;
      assert.ok(choices === undefined || choices.includes(word), `${line}: ${word}`);
    });
  }
});

test("the help of everything groups the commands and shows the first steps", () => {
  const { program, shown } = makeTestProgram();
  program.outputHelp();
  const help = shown.join("");
  for (const part of [
    "Setting up:",
    "Backing up and restoring:",
    "Watching:",
    "First steps",
    "luksmith volume create",
    "Exit codes",
  ]) {
    assert.ok(help.includes(part), part);
  }
});

test("what is left out is no list in the help", () => {
  const { program, shown } = makeTestProgram();
  for (const command of everyCommand(program)) command.outputHelp();
  assert.doesNotMatch(shown.join(""), /default: (\[\]|"")/);
});

test("each unit file types a command that there is, and its timer says when", () => {
  const directory = new URL("../../../deploy/systemd/", import.meta.url);
  const units = readdirSync(directory).filter((name) => name.endsWith("@.service"));
  assert.ok(units.length > 0);
  for (const unit of units) {
    const text = readFileSync(new URL(unit, directory), "utf8");
    const typed = /^ExecStart=\/usr\/local\/bin\/luksmith (.*)$/m.exec(text)?.[1]?.replace("%i", "home").split(" ");
    const { program } = makeTestProgram();
    const command = everyCommand(program).find((known) => known.name() === typed?.[0]);
    const parsed = command?.exitOverride().parseOptions(typed?.slice(1) ?? []);
    assert.deepEqual(parsed, { operands: ["home"], unknown: [] }, unit);
    assert.match(readFileSync(new URL(unit.replace("service", "timer"), directory), "utf8"), /^OnCalendar=/m, unit);
  }
});

async function refusal(...args: string[]): Promise<{ message: string; hint: string | undefined; exitCode: number }> {
  const { program } = makeTestProgram();
  const thrown = await program.parseAsync(args, { from: "user" }).then(
    () => assert.fail("was accepted"),
    (error: unknown) => error,
  );
  const error = thrown instanceof CommanderError ? usageError(thrown, program, args) : thrown;
  assert.ok(error instanceof Error && "hint" in error && "exitCode" in error);
  return { message: error.message, hint: error.hint as string | undefined, exitCode: error.exitCode as number };
}

const refusals: [args: string[], message: RegExp, hint: RegExp][] = [
  [["stats"], /^unknown command 'stats'$/, /did you mean status\? see luksmith --help/],
  [["volume", "creat", "home"], /^unknown command 'creat'$/, /did you mean create\? see luksmith volume --help/],
  [["help", "stauts"], /^unknown command 'stauts'$/, /did you mean status/],
  [
    ["backup", "--dryrun", "home"],
    /^unknown option '--dryrun'$/,
    /did you mean --dry-run\? see luksmith backup --help/,
  ],
  [["backup"], /^missing required argument 'job'$/, /^luksmith backup --help$/],
  [["verify", "a", "b"], /^too many arguments/, /verify --help/],
  [["backup", "--", "-x"], /^"-x" is not the name of a job$/, /luksmith jobs/],
  [["restore", "home"], /--to DIR/, /--stdout/],
  [["restore", "home", "a", "--to", "-"], /no directory/, /--stdout; .* \.\/-/],
  [["restore", "home", "--to", "x", "--delete"], /--delete needs --overwrite/, /--dry-run/],
  [["restore", "home", "--to", "x", "--force"], /--force/, /--overwrite/],
  [["restore", "home", "--stdout"], /one file/, /PATH --stdout/],
  [["restore", "home", "a", "b", "--stdout"], /one file/, /PATH --stdout/],
  [["restore", "home", "a", "--stdout", "--to", "x"], /one file/, /PATH --stdout/],
  [["diff", "home"], /missing required argument 'before'/, /diff --help/],
  [["diff", "home", "../x"], /not a snapshot/, /snapshots/],
  [["runs", "--limit", "0"], /not a number/, /^$/],
  [["completion", "tcsh"], /'tcsh' is invalid.*bash, zsh, fish$/, /completion --help/],
  [["verify", "home", "--quick", "--spot"], /cannot be used with/, /--help/],
  [["verify", "home", "--seed", "x"], /for --spot$/, /luksmith verify home --spot/],
  [["drill", "home", "--sample", "lots"], /not a size/, /500G/],
  [["pin", "home"], /^say which snapshot$/, /home@latest/],
  [["unpin", "home@"], /no snapshot after/, /newest/],
  [["prune", "home", "--snapshot", "../x"], /not a snapshot/, /snapshots/],
  [["snapshots", "home", "--volume", "home"], /exclude one another/, /luksmith snapshots home/],
  [["ls", "home@"], /no snapshot after/, /newest/],
  [["\x1b[31m"], /^unknown command '\\u{1b}\[31m'$/, /--help/],
  [["volume"], /no command is named/, /luksmith volume --help/],
  [["fleet"], /no command is named/, /luksmith fleet --help/],
  [["fleet", "machins"], /unknown command 'machins'/, /did you mean machines\?/],
  [["fleet", "machines", "web01"], /^"web01" does not say which machines$/, /name=web01/],
  [["fleet", "machines", " "], /does not say which machines/, /all means every machine/],
  [["fleet", "top", "a=\x1b"], /does not say which machines/, /env=prod/],
  [["fleet", "accept", "-x"], /unknown option '-x'/, /fleet accept --help/],
  [["fleet", "accept", "../x"], /is not the name of a machine/, /fleet machines/],
  [["fleet", "accept", "web01", "--name", "a b"], /is not the name of a machine/, /fleet machines/],
  [["fleet", "label", "web01"], /missing required argument 'change'/, /label --help/],
  [["fleet", "label", "web01", "env"], /"env" is not a label/, /env=prod/],
  [["fleet", "label", "web01", "env="], /"env=" is not a label/, /env-/],
  [["fleet", "rename", "web01", "web01"], /the new name is the old one/, /OLD NEW/],
  [["fleet", "token", "create", "--labels", "prod"], /"prod" is not a label/, /env=prod/],
  [["fleet", "token", "create", "--ttl", "30"], /not a duration/, /30m/],
  [["fleet", "token", "create", "--uses", "0"], /not a number/, /^$/],
  [["fleet", "token", "create", "--name", "a", "--uses", "2"], /--name is for one machine/, /--names/],
  [["fleet", "token", "create", "--names", "we b"], /no pattern/, /web-\*/],
  [["fleet", "token", "revoke", "../x"], /not the id of a token/, /token list/],
  [["fleet", "apply"], /required option '-f, --file <file>' not specified/, /apply --help/],
  [["fleet", "schedules", "a/b"], /not the name of a schedule/, /fleet schedules/],
  [["fleet", "run", "env=prod", "delete", "home"], /'delete' is invalid.*backup, verify/, /run --help/],
  [["fleet", "run", "env=prod", "backup"], /missing required argument 'name'/, /run --help/],
  [["fleet", "run", "web01", "backup", "home"], /does not say which machines/, /name=web01/],
  [["fleet", "run", "env=prod", "backup", "a b"], /not the name of a job or a volume/, /jobs/],
  [["fleet", "run", "a=b", "backup", "home", "--level", "quick"], /--level is for verify/, /verify JOB --level quick/],
  [["fleet", "run", "a=b", "backup", "home", "--expires", "soon"], /not a duration/, /30m/],
  [["fleet", "run", "a=b", "backup", "home", "--deadline", "0s"], /not a duration/, /30m/],
  [["fleet", "dispatches", "--follow"], /--follow is for what was asked for at once/, /dispatches ID --follow/],
  [["fleet", "dispatches", "a b"], /is not the id of what was asked for/, /dispatches/],
  [["fleet", "runs", "--since", "yesterday"], /not a time/, /2h/],
  [["fleet", "runs", "--limit", "5000"], /not a number from 1 to 1000/, /^$/],
  [["fleet", "log", "a/b/c"], /not a run of the fleet/, /MACHINE\/last/],
  [["fleet", "cancel", ""], /not a run of the fleet/, /MACHINE\/RUN/],
  [["fleet", "snapshots", "web01"], /missing required argument 'job'/, /snapshots --help/],
  [["fleet", "ls", "web01", "home@"], /no snapshot after/, /newest/],
  [["fleet", "alerts", "tst"], /too many arguments/, /alerts --help/],
  [["fleet", "alerts", "test", "a b"], /not the name of a channel/, /controller\.yaml/],
  [["fleet", "operator", "create", "Bob", "--role", "viewer", "--out", "x"], /not the name of an operator/, /a-z/],
  [["fleet", "operator", "create", "bob", "--role", "root", "--out", "x"], /'root' is invalid/, /create --help/],
  [["fleet", "operator", "create", "bob", "--role", "viewer"], /required option '--out <file>'/, /create --help/],
  [["fleet", "ca", "rotate", "on"], /'on' is invalid.*start, next, back/, /rotate --help/],
  [["fleet", "ca", "rotate", "back", "--force"], /--force is for next/, /ca rotate back/],
];

for (const [args, message, hint] of refusals) {
  test(`${JSON.stringify(args)} is refused with words`, async () => {
    const refused = await refusal(...args);
    assert.match(refused.message, message);
    assert.match(refused.hint ?? "", hint);
    assert.equal(refused.exitCode, 2);
  });
}

test("whose help is offered", () => {
  const { program } = makeTestProgram();
  assert.equal(commandPath(program, []), "luksmith");
  assert.equal(commandPath(program, ["--json", "volume", "create", "x"]), "luksmith volume create");
  assert.equal(commandPath(program, ["help", "volume"]), "luksmith volume");
  assert.equal(commandPath(program, ["ls", "--", "volume"]), "luksmith ls");
});

test("where the agent listens", () => {
  assert.equal(socketPath(undefined, {}), "/run/luksmith/agent.sock");
  assert.equal(socketPath(undefined, { LUKSMITH_SOCKET: "/a" }), "/a");
  assert.equal(socketPath("/b", { LUKSMITH_SOCKET: "/a" }), "/b");
  assert.equal(socketPath("x.sock", {}), `${process.cwd()}/x.sock`);
  assert.equal(socketPath(undefined, { LUKSMITH_SOCKET: "" }), "/run/luksmith/agent.sock");
});
