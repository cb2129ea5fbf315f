import assert from "node:assert/strict";
import { test } from "node:test";
import { LuksmithError } from "../../../common/errors.ts";
import {
  Finding_Level,
  type ListRunsRequest,
  type ListSnapshotsRequest,
} from "../../../proto/gen/luksmith/v1/agent.ts";
import { RunState, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import {
  backupEvents,
  runningRun,
  sampleEvent,
  sampleFinding,
  sampleJob,
  sampleRun,
  sampleSnapshot,
  sampleStatus,
  sampleVolume,
} from "../../unit/cli/samples.ts";
import { jsonLines, runCli } from "./cli-process.ts";
import { scriptedAgent } from "./scripted-agent.ts";

test("status, volumes and jobs: text for people, an object a line for programs", async () => {
  await using agent = await scriptedAgent({
    getStatus: () => sampleStatus(),
    listVolumes: () => ({ volumes: [sampleVolume(), sampleVolume({ name: "srv" })] }),
    listJobs: () => ({ jobs: [sampleJob()] }),
  });
  const table: [args: string[], text: RegExp, types: string[]][] = [
    [["status"], /luksmith-agent 0\.1\.0 on web01/, ["status"]],
    [["volume", "list"], /^home +vault:home\.luks/m, ["volume", "volume"]],
    [["jobs"], /^home +home +\/home \/etc/m, ["job"]],
  ];
  for (const [args, text, types] of table) {
    const human = await runCli(args, agent);
    assert.equal(human.exitCode, 0);
    assert.equal(human.stderr, "");
    assert.match(human.stdout, text);
    const json = await runCli([...args, "--json"], agent);
    assert.deepEqual(
      jsonLines(json.stdout).map(({ type }) => type),
      types,
    );
  }
});

test("runs: what was typed arrives, newest first stays so", async () => {
  const requests: ListRunsRequest[] = [];
  await using agent = await scriptedAgent({
    listRuns: (request) => {
      requests.push(request);
      return { runs: [sampleRun({ id: "bb02" }), sampleRun({ id: "aa01" })] };
    },
  });
  const { stdout } = await runCli(["runs"], agent);
  assert.ok(stdout.indexOf("bb02") < stdout.indexOf("aa01"));
  const json = await runCli(["runs", "--limit", "5", "--job", "home", "--volume", "data", "--json"], agent);
  assert.deepEqual(
    jsonLines(json.stdout).map(({ id }) => id),
    ["bb02", "aa01"],
  );
  assert.deepEqual(requests, [
    { limit: 20, job: "", volume: "" },
    { limit: 5, job: "home", volume: "data" },
  ]);
});

test("snapshots: events beside the snapshots, and the run's failure is ours", async () => {
  const requests: ListSnapshotsRequest[] = [];
  const run = runningRun({ verb: Verb.LIST_SNAPSHOTS });
  await using agent = await scriptedAgent({
    listSnapshots: (request, send) => {
      requests.push(request);
      send({ kind: { $case: "event", value: sampleEvent({ $case: "started", value: { run } }) } });
      send({ kind: { $case: "event", value: sampleEvent({ $case: "stepBegan", value: { step: "connect" } }, 2) } });
      send({ kind: { $case: "snapshot", value: sampleSnapshot() } });
      const error = { code: "tampered", message: "the volume was rolled back", hint: "" };
      const ended = sampleRun(request.job === "bad" ? { state: RunState.FAILED, error } : {});
      send({ kind: { $case: "event", value: sampleEvent({ $case: "ended", value: { run: ended } }, 3) } });
    },
  });
  const human = await runCli(["snapshots", "home"], agent);
  assert.equal(human.exitCode, 0);
  assert.match(human.stdout, /^home@2026-11-23T02-00-00Z +2026-11-23 02:00:00 +3,012/m);
  assert.match(human.stderr, /connect \.\.\./);
  const json = await runCli(["snapshots", "--json", "--volume", "data", "--accept-rollback"], agent);
  const objects = jsonLines(json.stdout);
  assert.deepEqual(
    objects.map(({ type }) => type),
    ["run_started", "step_began", "snapshot", "run_ended"],
  );
  assert.equal(objects[1]?.runId, run.id);
  assert.equal((await runCli(["snapshots", "bad"], agent)).exitCode, 14);
  assert.deepEqual(requests.slice(0, 2), [
    { job: "home", volume: "", acceptRollback: false },
    { job: "", volume: "data", acceptRollback: true },
  ]);
});

test("log replays the events with their times, and exits with 0 whatever the run did", async () => {
  const error = { code: "full", message: "3 GiB are missing", hint: "luksmith volume resize home" };
  const failed = sampleRun({ id: "cc030000", state: RunState.FAILED, error, summary: "" });
  const watched: unknown[] = [];
  await using agent = await scriptedAgent({
    getRun: ({ id }) => {
      if (id !== "cc03" && id !== "last") throw new LuksmithError("not_found", `no run ${id}`);
      return { run: failed };
    },
    watchRun: (request, send) => {
      watched.push(request);
      for (const event of backupEvents(failed)) send({ event });
    },
  });
  const { exitCode, stdout, stderr } = await runCli(["log", "cc03"], agent);
  assert.equal(exitCode, 0);
  assert.equal(stderr, "");
  const lines = stdout.trimEnd().split("\n");
  assert.equal(lines[0], "2026-11-23 02:00:00  started backup home, asked by root");
  assert.equal(lines.at(-1), "2026-11-23 02:00:09  failed in 31 s (run cc030000): 3 GiB are missing");

  const followed = await runCli(["log", "last", "--follow", "--json"], agent);
  assert.equal(followed.exitCode, 1);
  assert.deepEqual(
    jsonLines(followed.stdout)
      .slice(-2)
      .map(({ type }) => type),
    ["run_ended", "error"],
  );
  assert.equal((await runCli(["log", "nope"], agent)).exitCode, 10);
  assert.deepEqual(watched, [
    { id: "cc030000", follow: false },
    { id: "cc030000", follow: true },
  ]);
});

test("log of a run that goes on says how to follow it", async () => {
  await using agent = await scriptedAgent({
    getRun: () => ({ run: runningRun() }),
    watchRun: (_request, send) => send({ event: sampleEvent({ $case: "stepBegan", value: { step: "copy" } }) }),
  });
  const { exitCode, stderr } = await runCli(["log", "7f3a"], agent);
  assert.equal(exitCode, 0);
  assert.match(stderr, /goes on: luksmith log 7f3a9c21 --follow/);
});

test("cancel takes the beginning of an id", async () => {
  const cancelled: string[] = [];
  await using agent = await scriptedAgent({
    getRun: () => ({ run: runningRun() }),
    cancelRun: ({ id }) => {
      cancelled.push(id);
      return { run: runningRun() };
    },
  });
  const human = await runCli(["cancel", "7f"], agent);
  assert.equal(human.exitCode, 0);
  assert.match(human.stdout, /^cancelling run 7f3a9c21: backup home\n/);
  const json = await runCli(["cancel", "7f", "--json"], agent);
  assert.equal(jsonLines(json.stdout)[0]?.type, "run");
  assert.deepEqual(cancelled, ["7f3a9c21", "7f3a9c21"]);
});

test("doctor: 0 when there is no problem, 1 when there is one", async () => {
  const asked: boolean[] = [];
  let level: Finding_Level = Finding_Level.WARNING;
  await using agent = await scriptedAgent({
    doctor: ({ online }) => {
      asked.push(online);
      return { findings: [sampleFinding(), sampleFinding({ level, subject: "sshfs", hint: "apt install sshfs" })] };
    },
  });
  const fine = await runCli(["doctor"], agent);
  assert.equal(fine.exitCode, 0);
  assert.match(fine.stdout, /^ok +rsync: version 3\.2\.7\nwarning +sshfs: .*\n +hint: apt install sshfs\n$/);
  level = Finding_Level.PROBLEM;
  const ill = await runCli(["doctor", "--offline"], agent);
  assert.equal(ill.exitCode, 1);
  assert.match(ill.stderr, /^error: 1 problem\nhint: /);
  const json = await runCli(["doctor", "--json"], agent);
  assert.deepEqual(
    jsonLines(json.stdout).map(({ type }) => type),
    ["finding", "finding", "error"],
  );
  assert.deepEqual(asked, [true, false, true]);
});
