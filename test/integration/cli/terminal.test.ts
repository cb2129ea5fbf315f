import assert from "node:assert/strict";
import { test } from "node:test";
import { Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { runningRun, sampleEvent, sampleProgress, sampleRun } from "../../unit/cli/samples.ts";
import { startCliOnTerminal } from "./cli-process.ts";
import { type Script, scriptedAgent } from "./scripted-agent.ts";

const erase = "\r\x1b[K";

/** A backup that stands still in the middle until `goOn` is resolved. */
function pausingBackup(): { script: Script; goOn: () => void } {
  const paused = Promise.withResolvers<void>();
  const script: Script = {
    backup: () => ({ run: runningRun() }),
    getRun: () => ({ run: runningRun() }),
    watchRun: async (_request, send) => {
      send({ event: sampleEvent({ $case: "started", value: { run: runningRun() } }) });
      send({ event: sampleEvent({ $case: "stepBegan", value: { step: "copy" } }, 2) });
      send({ event: sampleEvent({ $case: "progress", value: sampleProgress() }, 3) });
      await paused.promise;
      send({
        event: sampleEvent({ $case: "warning", value: { message: "gone\x1b[2J", path: Buffer.from("a\x1b[31m") } }, 4),
      });
      send({ event: sampleEvent({ $case: "ended", value: { run: sampleRun() } }, 5) });
    },
  };
  return { script, goOn: paused.resolve };
}

test("one line of progress, redrawn in place, and gone in the end", async () => {
  const { script, goOn } = pausingBackup();
  await using agent = await scriptedAgent(script);
  const cli = startCliOnTerminal(["backup", "home"], 100, agent);
  await cli.printed(/copy {2}34 % {2}26\.0 MiB of 75\.0 MiB {2}12\.5 MiB\/s {2}2 min 5 s left {2}1,204 of 3,012 files/);
  goOn();
  const { exitCode, stdout } = await cli.ended;
  assert.equal(exitCode, 0);
  // what is left when each erased line is taken away
  const left = stdout.replace(/(^|\n)[^\n]*\r\x1b\[K/g, "$1");
  assert.match(left, /\x1b\[33mwarning:\x1b\[39m \$'a\\x1b\[31m': gone\\u\{1b\}\[2J/);
  assert.match(left, /\x1b\[32mdone\x1b\[39m in 31 s: snapshot/);
  assert.doesNotMatch(left, /34 %/);
  assert.ok(!stdout.includes("\x1b[2J"));
});

test("the line is cut to the width of the terminal, at a whole figure", async () => {
  const { script, goOn } = pausingBackup();
  await using agent = await scriptedAgent(script);
  const cli = startCliOnTerminal(["backup", "home"], 40, agent);
  await cli.printed(/34 %/);
  goOn();
  const { stdout } = await cli.ended;
  const drawn = stdout.split(erase).slice(1, -1);
  assert.ok(drawn.includes("copy  34 %  26.0 MiB of 75.0 MiB"));
});

test("NO_COLOR takes the colours away and leaves the line", async () => {
  const { script, goOn } = pausingBackup();
  await using agent = await scriptedAgent(script);
  const cli = startCliOnTerminal(["backup", "home"], 100, { ...agent, env: { NO_COLOR: "1" } });
  await cli.printed(/34 %/);
  goOn();
  const { stdout } = await cli.ended;
  assert.doesNotMatch(stdout, /\x1b\[\d*m/);
  assert.ok(stdout.includes(erase));
});

test("a dumb terminal gets plain lines", async () => {
  const { script, goOn } = pausingBackup();
  await using agent = await scriptedAgent(script);
  const cli = startCliOnTerminal(["backup", "home"], 100, { ...agent, env: { TERM: "dumb" } });
  await cli.printed(/copy \.\.\./);
  goOn();
  const { exitCode, stdout } = await cli.ended;
  assert.equal(exitCode, 0);
  assert.ok(!stdout.includes("\x1b"));
});

test("Ctrl-C takes the line away, and says how to go on", async () => {
  const { script } = pausingBackup();
  await using agent = await scriptedAgent(script);
  const cli = startCliOnTerminal(["backup", "home"], 100, agent);
  await cli.printed(/34 %/);
  cli.child.stdin.write("\x03");
  const { exitCode, stdout } = await cli.ended;
  assert.equal(exitCode, 130);
  assert.match(stdout, /\r\x1b\[Kstopped watching; run 7f3a9c21 goes on\r\n/);
});

test("log --follow on a terminal: the events stay, the progress is live", async () => {
  const { script, goOn } = pausingBackup();
  await using agent = await scriptedAgent(script);
  const cli = startCliOnTerminal(["log", "7f3a", "--follow"], 100, { ...agent, env: { NO_COLOR: "1" } });
  await cli.printed(/34 %/);
  goOn();
  const { exitCode, stdout } = await cli.ended;
  assert.equal(exitCode, 0);
  const left = stdout.replace(/(^|\n)[^\n]*\r\x1b\[K/g, "$1");
  assert.match(left, /^2026-11-23 02:00:00 {2}started backup home, asked by root\r\n/);
  assert.match(left, /\r\n2026-11-23 02:00:00 {2}copy \.\.\.\r\n/);
  assert.match(left, /\r\n2026-11-23 02:00:00 {2}done in 31 s/);
  assert.doesNotMatch(left, /34 %/);
});

test("an answer that takes long shows that it is waited for", async () => {
  const asked = Promise.withResolvers<void>();
  await using agent = await scriptedAgent({
    verify: async () => {
      await asked.promise;
      return { run: runningRun({ verb: Verb.VERIFY }) };
    },
  });
  const cli = startCliOnTerminal(["verify", "home", "--detach"], 100, { ...agent, env: { NO_COLOR: "1" } });
  await cli.printed(/waiting for the agent {2}2 s/);
  asked.resolve();
  const { exitCode, stdout } = await cli.ended;
  assert.equal(exitCode, 0);
  assert.match(stdout, /\r\x1b\[Krun 7f3a9c21: verify home has begun/);
});
