import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { jsonTypes } from "../../../cli/json.ts";
import { errorCodes, LuksmithError } from "../../../common/errors.ts";
import { VerifyLevel } from "../../../proto/gen/luksmith/v1/agent.ts";
import { type Run, RunState, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { backupEvents, runningRun, sampleEvent, sampleRun } from "../../unit/cli/samples.ts";
import { jsonLines, runCli, startCli } from "./cli-process.ts";
import { type Script, scriptedAgent } from "./scripted-agent.ts";

/** Every long verb begins a run, and the run ends as `ended` says. */
function runsThatEnd(ended: Run): Script {
  const begin = () => ({ run: runningRun({ verb: ended.verb }) });
  return {
    backup: begin,
    restore: begin,
    verify: begin,
    prune: begin,
    checkVolume: begin,
    resizeVolume: begin,
    watchRun: (_request, send) => {
      for (const event of backupEvents(ended)) send({ event });
    },
  };
}

test("backup: progress on standard error, what came of it on standard output", async () => {
  await using agent = await scriptedAgent(runsThatEnd(sampleRun()));
  const { exitCode, stdout, stderr } = await runCli(["backup", "home"], agent);
  assert.equal(exitCode, 0);
  assert.equal(
    stdout,
    "add       1.21 KiB  etc/hosts\n" +
      "done in 31 s: snapshot 2026-11-23T02-00-00Z: 3,012 files, 75 MiB new (run 7f3a9c21)\n",
  );
  assert.deepEqual(stderr.trimEnd().split("\n"), [
    "run 7f3a9c21: backup home",
    "connect ...",
    "connect: done in 1.2 s",
    "copy ...",
    "note: continuing the unfinished snapshot",
    "warning: home/bob/secret: permission denied",
    "copy: done in 28 s",
  ]);
  assert.deepEqual(agent.calls, ["backup", "watchRun"]);
});

test("backup --json: every event is an object, and standard error has nothing", async () => {
  await using agent = await scriptedAgent(runsThatEnd(sampleRun()));
  const { exitCode, stdout, stderr } = await runCli(["backup", "home", "--json"], agent);
  assert.equal(exitCode, 0);
  assert.equal(stderr, "");
  const objects = jsonLines(stdout);
  assert.deepEqual(
    objects.map(({ type }) => type),
    [
      "run_started",
      "step_began",
      "step_ended",
      "step_began",
      "progress",
      "note",
      "warning",
      "item",
      "step_ended",
      "run_ended",
    ],
  );
  for (const [index, object] of objects.entries()) {
    assert.ok(jsonTypes.some((type) => type === object.type));
    assert.equal(object.runId, "7f3a9c21");
    assert.equal(object.seq, index + 1);
  }
});

const detail = (code: string) => ({ code, message: `this is ${code}`, hint: `do something about ${code}` });
const outcomes: [name: string, changes: Partial<Run>, exitCode: number][] = [
  ["done", { state: RunState.DONE }, 0],
  ["skipped", { state: RunState.SKIPPED, summary: "the hook had nothing to do" }, 0],
  ["incomplete", { state: RunState.INCOMPLETE, error: detail("incomplete") }, 3],
  ["cancelled", { state: RunState.CANCELLED, error: detail("cancelled") }, 130],
  ["interrupted", { state: RunState.INTERRUPTED, error: detail("interrupted") }, 1],
  ["full", { state: RunState.FAILED, error: detail("full") }, 1],
  ["wrong_key", { state: RunState.FAILED, error: detail("wrong_key") }, 12],
  ["tampered", { state: RunState.FAILED, error: detail("tampered") }, 14],
];

for (const [name, changes, code] of outcomes) {
  test(`a run that ends ${name} makes the exit code ${code}`, async () => {
    await using agent = await scriptedAgent(runsThatEnd(sampleRun(changes)));
    const { exitCode, stdout, stderr } = await runCli(["verify", "home"], agent);
    assert.equal(exitCode, code);
    const label = code === 3 ? "warning" : "error";
    if (code === 0) assert.doesNotMatch(stderr, /^(error|hint):/m);
    else assert.match(stderr, new RegExp(`^${label}: this is ${name}\nhint: do something about ${name}\n$`, "m"));
    assert.equal(/^(done|skipped|incomplete) in 31 s/m.test(stdout), code === 0 || code === 3);

    const json = await runCli(["verify", "home", "--json"], agent);
    assert.equal(json.exitCode, code);
    const last = jsonLines(json.stdout).at(-1);
    if (code === 0) assert.equal(last?.type, "run_ended");
    else {
      assert.deepEqual(last, {
        type: "error",
        code: name,
        message: `this is ${name}`,
        hint: `do something about ${name}`,
        exitCode: code,
      });
    }
  });
}

for (const code of ["locked", "not_found", "denied", "config", "internal"] as const) {
  test(`a call that is refused with ${code} makes the exit code ${errorCodes[code].exit}`, async () => {
    await using agent = await scriptedAgent({
      backup: () => {
        throw new LuksmithError(code, "no, because\nof two\x1b[31m lines", { hint: "try again" });
      },
    });
    const { exitCode, stdout, stderr } = await runCli(["backup", "home"], agent);
    assert.equal(exitCode, errorCodes[code].exit);
    assert.equal(stdout, "");
    assert.equal(stderr, "error: no, because\n  of two\\u{1b}[31m lines\nhint: try again\n");
  });
}

test("what was typed arrives", async () => {
  const requests: unknown[] = [];
  const begin = (request: unknown) => {
    requests.push(request);
    return { run: runningRun() };
  };
  await using agent = await scriptedAgent({
    backup: begin,
    verify: begin,
    prune: begin,
    drill: begin,
    pinSnapshot: begin,
    unpinSnapshot: begin,
    checkVolume: begin,
    resizeVolume: begin,
  });
  const lines = [
    "backup home --detach",
    "backup srv --dry-run --accept-rollback --detach",
    "backup mine letters ../b /home/alice/./c --detach -- -d",
    "verify home@2026-11-23 --detach",
    "verify home --quick --detach",
    "verify home --spot --sample 5G --seed 7f3a --detach",
    "drill home /home/alice --sample 2G --scratch /mnt --detach",
    "prune home --partial --dry-run --detach",
    "prune home --snapshot one two --snapshot three --detach",
    "prune home --detach",
    "pin home@2026-11-23 --note upgrade --detach",
    "unpin home@latest --detach",
    "volume check home --accept-rollback --detach",
    "--json volume resize home --detach",
  ];
  for (const line of lines) assert.equal((await runCli(line.split(" "), agent)).exitCode, 0, line);
  assert.deepEqual(requests, [
    { job: "home", dryRun: false, acceptRollback: false, sources: [] },
    { job: "srv", dryRun: true, acceptRollback: true, sources: [] },
    {
      ...{ job: "mine", dryRun: false, acceptRollback: false },
      sources: [resolve("letters"), resolve("../b"), "/home/alice/c", resolve("-d")].map((path) => Buffer.from(path)),
    },
    { job: "home", snapshot: "2026-11-23", acceptRollback: false, level: VerifyLevel.FULL, sampleBytes: 0, seed: "" },
    { job: "home", snapshot: "", acceptRollback: false, level: VerifyLevel.QUICK, sampleBytes: 0, seed: "" },
    {
      ...{ job: "home", snapshot: "", acceptRollback: false, level: VerifyLevel.SPOT },
      ...{ sampleBytes: 5 * 2 ** 30, seed: "7f3a" },
    },
    {
      ...{ job: "home", snapshot: "", path: Buffer.from("/home/alice"), sampleBytes: 2 * 2 ** 30, seed: "" },
      ...{ scratch: Buffer.from("/mnt"), acceptRollback: false },
    },
    { job: "home", partial: true, snapshots: [], dryRun: true },
    { job: "home", partial: false, snapshots: ["one", "two", "three"], dryRun: false },
    { job: "home", partial: false, snapshots: [], dryRun: false },
    { job: "home", snapshot: "2026-11-23", note: "upgrade" },
    { job: "home", snapshot: "latest" },
    { volume: "home", acceptRollback: true, repair: false },
    { volume: "home", dryRun: false, shrink: false, overcommit: false },
  ]);
});

test("--detach returns at once with the run's id", async () => {
  await using agent = await scriptedAgent(runsThatEnd(sampleRun()));
  const text = await runCli(["backup", "home", "--detach"], agent);
  assert.equal(text.exitCode, 0);
  assert.equal(text.stdout, "run 7f3a9c21: backup home has begun\n");
  assert.match(text.stderr, /luksmith log 7f3a9c21 --follow[\s\S]*luksmith cancel 7f3a9c21/);
  const json = await runCli(["backup", "home", "--detach", "--json"], agent);
  const [object, ...more] = jsonLines(json.stdout);
  assert.equal(object?.type, "detached");
  assert.equal(object?.reason, "asked");
  assert.deepEqual(more, []);
  assert.ok(!agent.calls.includes("watchRun"));
});

test("an answer that takes long is waited for with a word", async () => {
  const asked = Promise.withResolvers<void>();
  await using agent = await scriptedAgent({
    getStatus: async () => {
      await asked.promise;
      throw new LuksmithError("internal", "enough");
    },
  });
  const cli = startCli(["status"], agent);
  await cli.printed(/^asking the agent \.\.\.$/m);
  asked.resolve();
  assert.match((await cli.ended).stderr, /enough/);
});

test("an agent that goes away in the middle", async () => {
  const agent = await scriptedAgent({
    backup: () => ({ run: runningRun() }),
    watchRun: async (_request, send, gone) => {
      send({ event: sampleEvent({ $case: "stepBegan", value: { step: "copy" } }) });
      await new Promise((resolve) => gone.addEventListener("abort", resolve));
    },
  });
  const cli = startCli(["backup", "home"], agent);
  await cli.printed(/copy \.\.\./);
  await agent[Symbol.asyncDispose]();
  const { exitCode, stderr } = await cli.ended;
  assert.equal(exitCode, 13);
  assert.match(stderr, /^error: lost the agent during backup home: .*\nhint: .*luksmith log 7f3a9c21 --follow$/m);
});

test("events that end before the run does", async () => {
  await using agent = await scriptedAgent({ backup: () => ({ run: runningRun() }), watchRun: () => undefined });
  const { exitCode, stderr } = await runCli(["backup", "home"], agent);
  assert.equal(exitCode, 13);
  assert.match(stderr, /stopped telling[\s\S]*luksmith log 7f3a9c21 --follow/);
});

const passphrase = "tulip-anchor-mellow-gravel";

function volumeCreation(ended: Run | undefined): Script {
  return {
    createVolume: () => ({
      run: runningRun({ verb: Verb.CREATE_VOLUME, job: "" }),
      recoveryPassphrase: passphrase,
      keyFile: "/etc/luksmith/keys/home.key",
      headerFile: "/var/lib/luksmith/home.header",
    }),
    watchRun: async (_request, send, gone) => {
      send({ event: sampleEvent({ $case: "stepBegan", value: { step: "format" } }) });
      if (ended !== undefined) send({ event: sampleEvent({ $case: "ended", value: { run: ended } }) });
      else await new Promise((resolve) => gone.addEventListener("abort", resolve));
    },
  };
}

test("volume create shows the passphrase once, at the end", async () => {
  const ended = sampleRun({ verb: Verb.CREATE_VOLUME, job: "", summary: "", snapshot: "" });
  await using agent = await scriptedAgent(volumeCreation(ended));
  const { exitCode, stdout, stderr } = await runCli(["volume", "create", "home"], agent);
  assert.equal(exitCode, 0);
  assert.equal(stdout.split(passphrase).length, 2);
  assert.match(stdout, /^done in 31 s[\s\S]*Write it down[\s\S]*home\.key[\s\S]*home\.header\n$/);
  assert.ok(!stderr.includes(passphrase));

  const json = await runCli(["volume", "create", "home", "--json"], agent);
  const objects = jsonLines(json.stdout);
  assert.equal(objects.at(-1)?.type, "volume_created");
  assert.equal(objects.at(-1)?.recoveryPassphrase, passphrase);
  assert.equal(objects.at(-1)?.finished, true);
  assert.equal(json.stdout.split(passphrase).length, 2);
});

test("volume create that fails shows no passphrase, which opens nothing", async () => {
  const failed = sampleRun({ verb: Verb.CREATE_VOLUME, job: "", state: RunState.FAILED, error: detail("exists") });
  await using agent = await scriptedAgent(volumeCreation(failed));
  const { exitCode, stdout, stderr } = await runCli(["volume", "create", "home"], agent);
  assert.equal(exitCode, 1);
  assert.ok(!`${stdout}${stderr}`.includes(passphrase));
});

test("volume create that nobody watches to its end shows the passphrase with a caution", async () => {
  await using agent = await scriptedAgent(volumeCreation(undefined));
  const cli = startCli(["volume", "create", "home"], agent);
  await cli.printed(/format \.\.\./);
  cli.child.kill("SIGINT");
  const { exitCode, stdout } = await cli.ended;
  assert.equal(exitCode, 130);
  assert.ok(stdout.includes(passphrase));
  assert.match(stdout, /not finished/);

  const detached = await runCli(["volume", "create", "home", "--detach", "--json"], agent);
  const last = jsonLines(detached.stdout).at(-1);
  assert.equal(last?.recoveryPassphrase, passphrase);
  assert.equal(last?.finished, false);
});
