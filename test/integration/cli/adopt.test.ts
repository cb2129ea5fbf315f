import assert from "node:assert/strict";
import { test } from "node:test";
import type { AdoptVolumeRequest } from "../../../proto/gen/luksmith/v1/agent.ts";
import { RunState, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { backupEvents, runningRun, sampleRun } from "../../unit/cli/samples.ts";
import { jsonLines, runCli, startCliOnTerminal } from "./cli-process.ts";
import { type Script, scriptedAgent } from "./scripted-agent.ts";

const adopt = ["volume", "adopt", "home", "--job", "docs"];
const recoveryPassphrase = "aaaaa-bbbbb";

function agentThatAdopts(state: RunState = RunState.DONE): { script: Script; asked: AdoptVolumeRequest[] } {
  const asked: AdoptVolumeRequest[] = [];
  const script: Script = {
    adoptVolume: (request) => {
      asked.push(request);
      return {
        run: runningRun({ verb: Verb.ADOPT_VOLUME }),
        recoveryPassphrase: request.dryRun ? "" : recoveryPassphrase,
        keyFile: "/etc/luksmith/keys/home.key",
        headerFile: "/var/lib/luksmith/volumes/home/header.luks",
      };
    },
    watchRun: (_request, send) => {
      for (const event of backupEvents(sampleRun({ state, verb: Verb.ADOPT_VOLUME }))) send({ event });
    },
  };
  return { script, asked };
}

test("adopting: looked at, shown, and done after a yes, with the passphrase that nobody sees", async () => {
  const { script, asked } = agentThatAdopts();
  await using agent = await scriptedAgent(script);
  const cli = startCliOnTerminal([...adopt, "--passphrase"], 200, agent);
  await cli.printed(/Passphrase of the image of volume home: /);
  cli.child.stdin.write("sekretx\x7f\r");
  await cli.printed(/Make it the volume home \(yes\/no\)\? /);
  assert.deepEqual(
    asked.map(({ dryRun }) => dryRun),
    [true],
  );
  cli.child.stdin.write("yes\r");
  const { exitCode, stdout } = await cli.ended;
  assert.equal(exitCode, 0, stdout);
  assert.deepEqual(
    asked.map(({ passphrase, shownRun, dryRun }) => [passphrase.toString(), shownRun, dryRun]),
    [
      ["sekret", "", true],
      ["sekret", sampleRun().id, false],
    ],
  );
  assert.match(stdout, new RegExp(recoveryPassphrase));
  assert.ok(!stdout.includes("sekret"));
});

for (const [what, typed] of [
  ["no", "no\r"],
  ["the end of the input", "\x04"],
] as const) {
  test(`adopting: without a yes nothing is done: ${what}`, async () => {
    const { script, asked } = agentThatAdopts();
    await using agent = await scriptedAgent(script);
    const cli = startCliOnTerminal(adopt, 200, agent);
    await cli.printed(/Make it the volume home \(yes\/no\)\? /);
    cli.child.stdin.write(typed);
    assert.equal((await cli.ended).exitCode, 130);
    assert.equal(asked.length, 1);
  });
}

test("adopting: Ctrl-C at the passphrase asks for nothing", async () => {
  const { script, asked } = agentThatAdopts();
  await using agent = await scriptedAgent(script);
  const cli = startCliOnTerminal([...adopt, "--passphrase"], 200, agent);
  await cli.printed(/Passphrase of the image of volume home: /);
  cli.child.stdin.write("sek\x03");
  assert.equal((await cli.ended).exitCode, 130);
  assert.equal(asked.length, 0);
});

test("adopting: what is not looked at ends before anything is asked for", async () => {
  const { script, asked } = agentThatAdopts(RunState.FAILED);
  await using agent = await scriptedAgent(script);
  const { exitCode } = await runCli([...adopt, "--dry-run"], agent);
  assert.equal(exitCode, 1);
  assert.deepEqual(
    asked.map(({ dryRun }) => dryRun),
    [true],
  );
});

test("adopting in a script: with a yes on the command line, and the passphrase on standard input", async () => {
  const { script, asked } = agentThatAdopts();
  await using agent = await scriptedAgent(script);
  const refused = await runCli([...adopt, "--passphrase"], { ...agent, stdin: "sekret\n" });
  assert.equal(refused.exitCode, 2);
  assert.match(refused.stderr, /nobody is here .*\nhint: look with --dry-run, then add --yes/);
  assert.equal(asked.length, 0);
  const typed = [...adopt, "--as", "/home", "--passphrase", "--yes", "--json"];
  const { exitCode, stdout } = await runCli(typed, { ...agent, stdin: "sekret\nmore\n" });
  assert.equal(exitCode, 0);
  assert.equal(jsonLines(stdout).at(-1)?.recoveryPassphrase, recoveryPassphrase);
  assert.deepEqual([asked[0]?.passphrase.toString(), asked[0]?.root, asked[0]?.dryRun], ["sekret", "/home", false]);
});

test("adopting: what cannot be is refused at once", async () => {
  for (const args of [
    ["volume", "adopt", "home"],
    [...adopt, "--as", "home"],
    [...adopt, "--job", "NO"],
  ]) {
    assert.equal((await runCli(args)).exitCode, 2, args.join(" "));
  }
});
