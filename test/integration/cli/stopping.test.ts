import assert from "node:assert/strict";
import { closeSync, mkdtempDisposableSync, openSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { execa } from "execa";
import { runningRun, sampleEvent, sampleFile } from "../../unit/cli/samples.ts";
import { CliProcess, jsonLines, mainFile, startCli, untilOutputIsFull } from "./cli-process.ts";
import { type Script, scriptedAgent } from "./scripted-agent.ts";

/** A run that goes on until nobody watches it any more. */
function endlessRun(): { script: Script; left: Promise<void> } {
  const left = Promise.withResolvers<void>();
  const script: Script = {
    backup: () => ({ run: runningRun() }),
    getRun: () => ({ run: runningRun() }),
    watchRun: async (_request, send, gone) => {
      send({ event: sampleEvent({ $case: "stepBegan", value: { step: "copy" } }) });
      await new Promise((resolve) => gone.addEventListener("abort", resolve, { once: true }));
      left.resolve();
    },
  };
  return { script, left: left.promise };
}

for (const args of [
  ["backup", "home"],
  ["log", "7f3a", "--follow"],
]) {
  test(`Ctrl-C during ${args[0]} ends the watching, not the run`, async () => {
    const { script, left } = endlessRun();
    await using agent = await scriptedAgent(script);
    const cli = startCli(args, agent);
    await cli.printed(/copy \.\.\./);
    cli.child.kill("SIGINT");
    const { exitCode, stderr } = await cli.ended;
    assert.equal(exitCode, 130);
    assert.match(
      stderr,
      /stopped watching; run 7f3a9c21 goes on\n.*luksmith log 7f3a9c21 --follow.*\n.*luksmith cancel 7f3a9c21/,
    );
    assert.doesNotMatch(stderr, /^error:/m);
    await left;
    assert.ok(!agent.calls.includes("cancelRun"));
  });
}

test("SIGTERM does the same, with its own exit code", async () => {
  const { script } = endlessRun();
  await using agent = await scriptedAgent(script);
  const cli = startCli(["backup", "home"], agent);
  await cli.printed(/copy \.\.\./);
  cli.child.kill("SIGTERM");
  const { exitCode, stderr } = await cli.ended;
  assert.equal(exitCode, 143);
  assert.match(stderr, /goes on/);
});

test("Ctrl-C with --json: the last object says that the run goes on", async () => {
  const { script } = endlessRun();
  await using agent = await scriptedAgent(script);
  const cli = startCli(["backup", "home", "--json"], agent);
  await cli.printed(/step_began/);
  cli.child.kill("SIGINT");
  const { exitCode, stdout, stderr } = await cli.ended;
  assert.equal(exitCode, 130);
  assert.equal(stderr, "");
  const last = jsonLines(stdout).at(-1);
  assert.equal(last?.type, "detached");
  assert.equal(last?.reason, "interrupted");
});

test("Ctrl-C before the agent has answered", async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  await using agent = await scriptedAgent({
    backup: async () => {
      asked.resolve();
      await answer.promise;
      return { run: runningRun() };
    },
  });
  const cli = startCli(["backup", "home"], agent);
  await asked.promise;
  cli.child.kill("SIGINT");
  const { exitCode, stderr } = await cli.ended;
  answer.resolve();
  assert.equal(exitCode, 130);
  assert.match(stderr, /may have begun it all the same: luksmith runs/);
});

/** A listing that goes on until nobody reads it any more. */
function endlessListing(): { script: Script; left: Promise<void> } {
  const left = Promise.withResolvers<void>();
  const script: Script = {
    listFiles: async (_request, send, gone) => {
      for (let index = 0; !gone.aborted; index += 1) {
        send({ kind: { $case: "entry", value: sampleFile({ path: Buffer.from(`file ${index}`) }) } });
        await new Promise((resolve) => setImmediate(resolve));
      }
      left.resolve();
    },
  };
  return { script, left: left.promise };
}

test("Ctrl-C during ls ends the listing", async () => {
  const { script, left } = endlessListing();
  await using agent = await scriptedAgent(script);
  const cli = startCli(["ls", "home", "--recursive"], agent);
  await cli.printed(/file 3/);
  cli.child.kill("SIGINT");
  const { exitCode, stderr } = await cli.ended;
  assert.equal(exitCode, 130);
  assert.equal(stderr, "");
  await left;
});

test("a reader that does not read keeps nobody from ending it", async () => {
  using directory = mkdtempDisposableSync(join(tmpdir(), "luksmith-stopping-"));
  const fifo = join(directory.path, "fifo");
  await execa("mkfifo", [fifo]);
  const unread = openSync(fifo, "r+");
  const { script, left } = endlessListing();
  await using agent = await scriptedAgent(script);
  const command = ["-c", 'exec "$@" >"$0"', fifo, process.execPath, mainFile, "ls", "home", "-r"];
  const cli = new CliProcess("sh", command, agent);
  await untilOutputIsFull(cli.child);
  cli.child.kill("SIGTERM");
  // the agent hears of it at once; the program itself has lines left that the reader may still want
  await left;
  cli.child.kill("SIGTERM");
  await cli.ended;
  closeSync(unread);
});

test("a reader that has had enough is no error", async () => {
  const { script, left } = endlessListing();
  await using agent = await scriptedAgent(script);
  const cli = startCli(["ls", "home", "--recursive"], agent);
  await cli.printed(/file 3/);
  cli.child.stdout.destroy();
  const { exitCode, stderr } = await cli.ended;
  assert.equal(exitCode, 141);
  assert.equal(stderr, "");
  await left;
});
