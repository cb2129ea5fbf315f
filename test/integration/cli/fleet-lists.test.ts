import assert from "node:assert/strict";
import { test } from "node:test";
import type {
  ListAlertsRequest,
  ListDispatchesRequest,
  ListFleetAuditRequest,
  ListFleetRunsRequest,
  ListMachinesRequest,
} from "../../../proto/gen/luksmith/v1/controller.ts";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import {
  authorityFingerprint,
  sampleAlert,
  sampleAuthorities,
  sampleController,
  sampleDispatch,
  sampleFleet,
  sampleFleetAudit,
  sampleFleetRun,
  sampleMachine,
  sampleOperator,
  sampleSchedule,
  sampleToken,
  sampleView,
} from "../../unit/cli/fleet-samples.ts";
import { backupEvents, sampleFile, sampleRun, sampleSnapshot } from "../../unit/cli/samples.ts";
import { jsonLines, runCli } from "./cli-process.ts";
import { scriptedController } from "./scripted-controller.ts";

test("each list: text for people, an object a line for programs", async () => {
  await using controller = await scriptedController({
    getFleet: () => sampleFleet(),
    listMachines: () => ({ machines: [sampleMachine(), sampleMachine({ id: "m2", name: "web02", connected: false })] }),
    listTokens: () => ({ tokens: [sampleToken()] }),
    listSchedules: () => ({ schedules: [sampleSchedule()] }),
    listDispatches: () => ({ dispatches: [sampleDispatch()] }),
    listFleetRuns: () => ({ runs: [sampleFleetRun()] }),
    listAlerts: () => ({ alerts: [sampleAlert()] }),
    listOperators: () => ({ operators: [sampleOperator(), sampleOperator({ name: "bob", revoked: true })] }),
    getAuthorities: () => sampleAuthorities(),
    listControllers: () => ({ controllers: [sampleController(), sampleController({ id: "c2", alive: false })] }),
    listFleetAudit: () => ({ entries: [sampleFleetAudit({ allowed: false, detail: "for admins alone" })] }),
    listFleetSnapshots: (_request, send) => send({ snapshot: sampleSnapshot() }),
    listFleetFiles: (_request, send) => {
      send({ entry: sampleFile({ path: Buffer.from("b\x1b[2J") }) });
      send({ entry: sampleFile({ path: Buffer.from("a") }) });
    },
    watchFleet: (_request, send) => send(sampleView()),
  });
  const table: [args: string[], text: RegExp, types: string[]][] = [
    [["status"], /^controller +c1, luksmith 0\.1\.0\nyou are +alice, admin for every machine/, ["fleet"]],
    [["machines"], /^web01 +connected +env=prod role=web/m, ["fleet_machine", "fleet_machine"]],
    [
      ["machines", "--jobs"],
      /^web01 +home .* overdue: should not be older than 1 h$/m,
      ["fleet_machine", "fleet_machine"],
    ],
    [["token", "list"], /^t7c2m4 +\S+ +env=prod +to be confirmed +1 of 1 +alice/m, ["fleet_token"]],
    [["schedules"], /^nightly +env=prod +backup home +0 2 \* \* \* Europe\/Berlin +12/m, ["fleet_schedule"]],
    [["schedules", "nightly"], /^nightly:\n {2}cron: 0 2 \* \* \*\n$/, ["fleet_schedule"]],
    [["dispatches"], /^b4k2 +web01 +backup home +queued/m, ["fleet_dispatch"]],
    [["runs"], /^web01\/7f3a9c21 +backup +home +done .* schedule nightly$/m, ["fleet_run"]],
    [["alerts"], /^firing +2026-11-23 01:00:00 +overdue +web01 +home +the last good/m, ["fleet_alert"]],
    [["operators"], /^bob +admin +every machine +revoked/m, ["fleet_operator", "fleet_operator"]],
    [
      ["ca"],
      new RegExp(`^sha256:${authorityFingerprint} +machines and operators, controllers`, "m"),
      ["fleet_authorities"],
    ],
    [["ca", "status"], /not being changed: luksmith fleet ca rotate start/, ["fleet_authorities"]],
    [["controllers"], /^c2 +away +controller\.example\.net:7443/m, ["fleet_controller", "fleet_controller"]],
    [["audit"], /refused {2}alice +RevokeMachine +web01: for admins alone$/m, ["fleet_audit"]],
    [["snapshots", "web01", "home"], /^home@2026-11-23T02-00-00Z/m, ["snapshot"]],
    [["ls", "web01", "home", "--no-long"], /^a\n\$'b\\x1b\[2J'\n$/, ["file", "file"]],
    [["top"], /^ {2}web01 {2}backup home .*copy {2}34 %/m, ["fleet_view"]],
  ];
  for (const [args, text, types] of table) {
    const human = await runCli(["fleet", ...args], controller);
    assert.equal(human.stderr, "", args.join(" "));
    assert.equal(human.exitCode, 0);
    assert.match(human.stdout, text);
    const json = await runCli(["fleet", ...args, "--json"], controller);
    assert.deepEqual(
      jsonLines(json.stdout).map(({ type }) => type),
      types,
      args.join(" "),
    );
  }
});

test("what was typed arrives", async () => {
  const seen = {
    machines: [] as ListMachinesRequest[],
    runs: [] as ListFleetRunsRequest[],
    dispatches: [] as ListDispatchesRequest[],
    alerts: [] as ListAlertsRequest[],
    audit: [] as ListFleetAuditRequest[],
    files: [] as unknown[],
  };
  await using controller = await scriptedController({
    listMachines: (request) => {
      seen.machines.push(request);
      return { machines: [] };
    },
    listFleetRuns: (request) => {
      seen.runs.push(request);
      return { runs: [] };
    },
    listDispatches: (request) => {
      seen.dispatches.push(request);
      return { dispatches: [] };
    },
    listAlerts: (request) => {
      seen.alerts.push(request);
      return { alerts: [] };
    },
    listFleetAudit: (request) => {
      seen.audit.push(request);
      return { entries: [] };
    },
    listFleetFiles: (request) => void seen.files.push(request),
  });
  const type = async (line: string) =>
    assert.equal((await runCli(["fleet", ...line.split(" ")], controller)).exitCode, 0);
  await type("machines env=prod,role!=db --jobs");
  await type("runs name=web* --job home --schedule nightly --failed --since 2026-11-23 --limit 7");
  await type("dispatches b4k2 --machines all --limit 3");
  await type("alerts --machines env=prod --resolved");
  await type("audit --operator alice --since 2026-11-23T02:00:00Z --limit 9");
  await type("ls web01 home@2026-11-23 /etc -r");
  assert.deepEqual(seen.machines, [{ selector: "env=prod,role!=db", jobs: true }]);
  const since = new Date("2026-11-23T00:00:00Z");
  const { INCOMPLETE, FAILED, CANCELLED, INTERRUPTED } = RunState;
  const states = [INCOMPLETE, FAILED, CANCELLED, INTERRUPTED];
  assert.deepEqual(seen.runs, [{ selector: "name=web*", job: "home", schedule: "nightly", states, since, limit: 7 }]);
  assert.deepEqual(seen.dispatches, [{ batch: "b4k2", selector: "all", limit: 3 }]);
  assert.deepEqual(seen.alerts, [{ selector: "env=prod", resolved: true }]);
  assert.deepEqual(seen.audit, [{ operator: "alice", since: new Date("2026-11-23T02:00:00Z"), limit: 9 }]);
  const path = Buffer.from("/etc");
  assert.deepEqual(seen.files, [{ machine: "web01", job: "home", snapshot: "2026-11-23", path, recursive: true }]);
});

test("what a machine says of itself never reaches the terminal as commands", async () => {
  const evil = "web\x1b]0;owned\x07\u202e";
  const machine = sampleMachine({ hostname: evil, version: evil, notice: evil, labels: [{ name: "a", value: evil }] });
  const run = sampleFleetRun({ machine: evil, run: sampleRun({ summary: evil, id: evil }) });
  await using controller = await scriptedController({
    listMachines: () => ({ machines: [machine] }),
    listFleetRuns: () => ({ runs: [run] }),
    listAlerts: () => ({ alerts: [sampleAlert({ message: evil, machine: evil })] }),
    listFleetAudit: () => ({ entries: [sampleFleetAudit({ target: evil, action: evil })] }),
    listControllers: () => ({ controllers: [sampleController({ address: evil })] }),
    watchFleet: (_request, send) =>
      send(sampleView({ running: [run], failing: [run], overdue: [sampleAlert({ job: evil })] })),
    watchFleetRun: (_request, send) => {
      send({ kind: { $case: "run", value: run } });
      for (const event of backupEvents(sampleRun({ summary: evil }))) send({ kind: { $case: "event", value: event } });
    },
  });
  for (const args of [
    "machines",
    "machines --jobs",
    "runs",
    "alerts",
    "audit",
    "controllers",
    "top",
    "log web01/last",
  ]) {
    for (const json of [[], ["--json"]]) {
      const { exitCode, stdout, stderr } = await runCli(["fleet", ...args.split(" "), ...json], controller);
      assert.equal(exitCode, 0, args);
      assert.doesNotMatch((stdout + stderr).replaceAll("\n", ""), /[\p{Cc}\p{Cf}]/u, args);
    }
  }
});

test("a schedule that is not there", async () => {
  await using controller = await scriptedController({ listSchedules: () => ({ schedules: [sampleSchedule()] }) });
  const { exitCode, stderr } = await runCli(["fleet", "schedules", "nighly"], controller);
  assert.equal(exitCode, 10);
  assert.equal(stderr, 'error: there is no schedule "nighly"\nhint: did you mean nightly?\n');
});
