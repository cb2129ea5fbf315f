import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parseYaml } from "../../../common/config/yaml-document.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { operatorFileSchema } from "../../../common/fleet/operator-file.ts";
import {
  type ApplySchedulesRequest,
  DispatchState,
  type FleetDispatch,
  MachineState,
  Role,
  RotateAuthorityRequest_Step,
  RotationPhase,
  ScheduleChange_Kind,
} from "../../../proto/gen/luksmith/v1/controller.ts";
import { RunState, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import {
  authorityFingerprint,
  endedDispatch,
  runningFleetRun,
  sampleAuthorities,
  sampleController,
  sampleDispatch,
  sampleFleetRun,
  sampleMachine,
  sampleOperator,
  sampleToken,
  sampleWork,
} from "../../unit/cli/fleet-samples.ts";
import { backupEvents, runningRun, sampleRun } from "../../unit/cli/samples.ts";
import { jsonLines, runCli, startCli } from "./cli-process.ts";
import { type FleetScript, type ScriptedController, scriptedController } from "./scripted-controller.ts";

const fleet = (controller: ScriptedController, ...args: string[]) =>
  runCli(["fleet", ...args], { env: controller.env, cwd: controller.directory });

test("a token: the one line alone on standard output, what it is for beside it", async () => {
  const requests: unknown[] = [];
  await using controller = await scriptedController({
    createToken: (request) => {
      requests.push(request);
      return {
        token: sampleToken({ namePattern: request.namePattern, uses: request.uses }),
        secret: "lsm_t7c2m4_5f",
        addresses: ["controller.example.net:7443"],
        authorities: [authorityFingerprint],
      };
    },
    revokeToken: ({ id }) => ({ token: sampleToken({ id, revoked: true }) }),
  });
  const line = `luksmith enroll controller.example.net:7443 --token lsm_t7c2m4_5f --ca sha256:${authorityFingerprint}`;
  const made = await fleet(
    controller,
    "token",
    "create",
    "--labels",
    "env=prod,role=web",
    "--ttl",
    "1h",
    "--uses",
    "3",
    "--names",
    "web-*",
  );
  assert.equal(made.exitCode, 0, made.stderr);
  assert.equal(made.stdout, `${line}\n`);
  assert.match(made.stderr, /for 3 machines, and shown this once\nit may have its host name if that fits web-\*$/m);
  const labels = [
    { name: "env", value: "prod" },
    { name: "role", value: "web" },
  ];
  assert.deepEqual(requests, [{ labels, ttlMs: 3_600_000, uses: 3, name: "", namePattern: "web-*" }]);
  const [json] = jsonLines((await fleet(controller, "token", "create", "--json")).stdout);
  assert.deepEqual([json?.secret, json?.command], ["lsm_t7c2m4_5f", line]);
  assert.deepEqual(requests[1], { labels: [], ttlMs: 1_800_000, uses: 1, name: "", namePattern: "" });
  assert.match(
    (await fleet(controller, "token", "revoke", "t7c2m4")).stdout,
    /^token t7c2m4 is good for nothing any more/,
  );
});

test("machines: accept, label, rename, revoke, forget", async () => {
  const requests: unknown[] = [];
  const answer = (request: { machine: string; name?: string }) => {
    requests.push(request);
    return { machine: sampleMachine({ name: request.name || request.machine }) };
  };
  await using controller = await scriptedController({
    acceptMachine: answer,
    changeMachine: answer,
    revokeMachine: (request) => {
      requests.push(request);
      return { machine: sampleMachine({ state: MachineState.REVOKED }) };
    },
    forgetMachine: (request) => {
      requests.push(request);
      return {};
    },
  });
  assert.equal((await fleet(controller, "accept", "m4kq", "--name", "web01")).stdout, "web01 is one of the fleet\n");
  const labelled = await fleet(controller, "label", "web01", "env=prod", "old-", "role=web");
  assert.equal(labelled.stdout, "web01: env=prod role=web\n");
  assert.match((await fleet(controller, "rename", "web01", "web02")).stdout, /^web01 is called web02 from now on$/m);
  assert.match((await fleet(controller, "revoke", "web01", "--yes")).stdout, /^web01 is revoked/);
  assert.match((await fleet(controller, "forget", "web01", "--yes")).stdout, /^web01 is forgotten/);
  assert.deepEqual(requests, [
    { machine: "m4kq", name: "web01" },
    {
      machine: "web01",
      name: "",
      set: [
        { name: "env", value: "prod" },
        { name: "role", value: "web" },
      ],
      remove: ["old"],
    },
    { machine: "web01", name: "web02", set: [], remove: [] },
    { machine: "web01" },
    { machine: "web01" },
  ]);
  // nobody is there to say yes
  for (const verb of ["revoke", "forget"]) {
    const { exitCode, stderr } = await fleet(controller, verb, "web01");
    assert.equal(exitCode, 2);
    assert.match(stderr, new RegExp(`^error: nobody is here to answer: .*\\nhint: luksmith fleet ${verb} web01 --yes`));
  }
  assert.equal(requests.length, 5);
});

const { ADDED, UNCHANGED, DELETED } = ScheduleChange_Kind;
const change = (kind: ScheduleChange_Kind, schedule: string) => ({ kind, schedule, fields: [], machines: 2 });

test("apply shows what changes, then makes it; --dry-run and nothing to change make nothing", async () => {
  const requests: ApplySchedulesRequest[] = [];
  await using controller = await scriptedController({
    applySchedules: (request) => {
      requests.push(request);
      const changes = request.text === "same" ? [change(UNCHANGED, "a")] : [change(ADDED, "a"), change(UNCHANGED, "b")];
      return { changes, warnings: ["b: no machine fits"], applied: !request.dryRun, basis: "b4" };
    },
  });
  const apply = (stdin: string, ...args: string[]) =>
    runCli(["fleet", "apply", "-f", "-", ...args], { env: controller.env, stdin });
  const dry = await apply("a: 1", "--dry-run");
  assert.equal(dry.stdout, "+ a  2 machines\n= b  2 machines\n1 change, not made\n");
  assert.equal(dry.stderr, "warning: b: no machine fits\n");
  const made = await apply("a: 1");
  assert.match(made.stdout, /\n1 change made\n$/);
  assert.match((await apply("same")).stdout, /\nnothing to change\n$/);
  assert.deepEqual(
    requests.map(({ dryRun, basis, everyMachine }) => [dryRun, basis, everyMachine]),
    [
      // to be shown what would be needs no yes
      [true, "", true],
      [true, "", false],
      // nothing but what was shown
      [false, "b4", false],
      [true, "", false],
    ],
  );
  const json = jsonLines((await apply("a: 1", "--json", "--all-machines")).stdout);
  assert.deepEqual(
    json.map(({ type, change, applied }) => [type, change ?? applied]),
    [
      ["fleet_schedule_change", "added"],
      ["fleet_schedule_change", "unchanged"],
      ["fleet_apply", true],
    ],
  );
  assert.equal(requests.at(-1)?.everyMachine, true);
  assert.equal(requests[0]?.fileName, "standard input");
});

test("apply deletes only with a yes, and refuses what is no file of schedules", async () => {
  const requests: ApplySchedulesRequest[] = [];
  await using controller = await scriptedController({
    applySchedules: (request) => {
      requests.push(request);
      if (request.text.startsWith("bad")) {
        throw new LuksmithError("config", `${request.fileName}:1:1: is no mapping`);
      }
      return { changes: [change(DELETED, "old")], warnings: [], applied: !request.dryRun, basis: "" };
    },
  });
  const apply = (stdin: string, ...args: string[]) =>
    runCli(["fleet", "apply", ...args], { env: controller.env, stdin });
  const asked = await apply("a: 1", "-f", "-", "--prune");
  assert.equal(asked.exitCode, 2);
  assert.match(asked.stderr, /^error: nobody is here to answer: Delete 1 schedule\?\nhint: .*--yes/m);
  const done = await apply("a: 1", "-f", "-", "--prune", "--yes");
  assert.equal(done.stdout, "- old\n1 change made\n");
  assert.deepEqual(
    requests.map(({ dryRun, prune }) => [dryRun, prune]),
    [
      [true, true],
      [true, true],
      [false, true],
    ],
  );
  const bad = await apply("bad", "-f", "-");
  assert.deepEqual([bad.exitCode, bad.stderr], [2, "error: standard input:1:1: is no mapping\n"]);
  for (const [args, message] of [
    [["-f", "/nonexistent.yaml"], /could not read \/nonexistent\.yaml: no such file/],
    [["-f", "/tmp"], /could not read \/tmp/],
  ] as const) {
    const { exitCode, stderr } = await apply("", ...args);
    assert.equal(exitCode, 2);
    assert.match(stderr, message);
    assert.match(stderr, /^hint: /m);
  }
  const long = await apply("x".repeat(1_100_000), "-f", "-");
  assert.equal(long.exitCode, 2);
  assert.match(long.stderr, /longer than 1 MiB/);
});

const refusedDispatch = sampleDispatch({
  id: "d3",
  machine: "web03",
  state: DispatchState.REFUSED,
  error: { code: "denied", message: "`controller.allow` has no backup", hint: "on the machine: controller.allow" },
});

function runScript(last: readonly FleetDispatch[], skipped: { machine: string; reason: string }[] = []): FleetScript {
  const queued = last.map(({ id, machine }) => sampleDispatch({ id, machine }));
  return {
    dispatch: ({ selector, everyMachine }) => {
      if (selector === "all" && !everyMachine) {
        throw new LuksmithError("usage", '"all" is every machine: 3 machines', {
          hint: "--all-machines, if that is meant",
        });
      }
      return { batch: "b4k2", dispatches: queued, skipped };
    },
    watchDispatches: ({ batch }, send) => {
      assert.equal(batch, "b4k2");
      for (const dispatch of queued) send({ dispatch });
      const [first] = last;
      if (first !== undefined) {
        const run = runningFleetRun({ machine: first.machine });
        send({ dispatch: { ...first, state: DispatchState.RUNNING, run, error: undefined } });
      }
      for (const dispatch of last) send({ dispatch });
    },
  };
}

test("run: what becomes of each machine, and the worst of it is the exit code", async () => {
  const done = endedDispatch(sampleFleetRun());
  const full = { code: "full", message: "3 GiB are missing", hint: "" };
  const failed = endedDispatch(
    sampleFleetRun({ machine: "web02", run: sampleRun({ state: RunState.FAILED, error: full, summary: "" }) }),
  );
  await using controller = await scriptedController(runScript([done, failed, refusedDispatch]));
  const { exitCode, stdout, stderr } = await fleet(controller, "run", "env=prod", "backup", "home");
  assert.equal(exitCode, 1);
  assert.match(stdout, /^web01\/7f3a9c21 +done +31 s +snapshot/m);
  assert.match(stdout, /^web02\/7f3a9c21 +failed +31 s +3 GiB are missing$/m);
  assert.match(stdout, /^web03 +refused +- +`controller\.allow` has no backup$/m);
  const [first, second, third] = stderr.split("\n");
  assert.match(first ?? "", /^web01: running/);
  assert.match(second ?? "", /^web01: done: snapshot/);
  assert.match(third ?? "", /^web02: failed: 3 GiB are missing/);
  assert.match(
    stderr,
    /^error: 2 of 3 machines did not succeed; the worst: web02: 3 GiB are missing\nhint: luksmith fleet log web02\/7f3a9c21$/m,
  );

  const json = jsonLines((await fleet(controller, "run", "env=prod", "backup", "home", "--json")).stdout);
  assert.deepEqual(
    json.map(({ type, machine, state, code }) => [type, machine ?? code, state]),
    [
      ["fleet_dispatch", "web01", "queued"],
      ["fleet_dispatch", "web02", "queued"],
      ["fleet_dispatch", "web03", "queued"],
      ["fleet_dispatch", "web01", "running"],
      ["fleet_dispatch", "web01", "ended"],
      ["fleet_dispatch", "web02", "ended"],
      ["fleet_dispatch", "web03", "refused"],
      ["error", "full", undefined],
    ],
  );
});

test("run: what is asked for arrives, and every machine only where that is said", async () => {
  const requests: unknown[] = [];
  const script = runScript([endedDispatch(sampleFleetRun())], [{ machine: "web09", reason: "it is revoked" }]);
  await using controller = await scriptedController({
    ...script,
    dispatch: (request) => {
      requests.push(request);
      return script.dispatch?.(request) ?? assert.fail();
    },
  });
  const ok = await fleet(
    controller,
    "run",
    "name=web*",
    "verify",
    "home",
    "--level",
    "quick",
    "--expires",
    "2h",
    "--deadline",
    "6h",
  );
  // one could not be asked: not all is done
  assert.equal(ok.exitCode, 3);
  assert.match(ok.stderr, /^not asked: web09: it is revoked$/m);
  assert.match(ok.stderr, /^warning: 1 of 2 machines could not be asked$/m);
  const detached = await fleet(controller, "run", "env=prod", "check", "vault", "--detach");
  assert.equal(detached.exitCode, 0);
  assert.equal(detached.stdout, "1 machine asked: b4k2\n");
  assert.match(
    detached.stderr,
    /luksmith fleet dispatches b4k2 --follow {3}watches it\n {2}luksmith fleet cancel b4k2/,
  );
  const dry = await fleet(controller, "run", "env=prod", "trim", "vault", "--dry-run");
  assert.match(dry.stdout, /^web01 +backup home\n1 machine, not asked$/m);
  const all = await fleet(controller, "run", "all", "backup", "home");
  assert.equal(all.exitCode, 2);
  assert.match(all.stderr, /^error: "all" is every machine: 3 machines\nhint: --all-machines/);
  assert.equal((await fleet(controller, "run", "all", "backup", "home", "--all-machines")).exitCode, 3);
  const common = { expiresMs: 86_400_000, everyMachine: false, dryRun: false };
  assert.deepEqual(requests, [
    {
      ...common,
      selector: "name=web*",
      work: sampleWork({ verb: Verb.VERIFY, level: "quick", deadlineMs: 21_600_000 }),
      expiresMs: 7_200_000,
    },
    { ...common, selector: "env=prod", work: sampleWork({ verb: Verb.CHECK_VOLUME, job: "", volume: "vault" }) },
    { ...common, selector: "env=prod", work: sampleWork({ verb: Verb.TRIM, job: "", volume: "vault" }), dryRun: true },
    { ...common, selector: "all", work: sampleWork() },
    { ...common, selector: "all", work: sampleWork(), everyMachine: true },
  ]);
});

test("Ctrl-C ends the watching alone, and says how to go on", async () => {
  await using controller = await scriptedController({
    ...runScript([endedDispatch(sampleFleetRun())]),
    watchDispatches: async (_request, send, gone) => {
      send({ dispatch: sampleDispatch({ id: "d-web01", state: DispatchState.RUNNING, run: runningFleetRun() }) });
      await new Promise((resolve) => gone.addEventListener("abort", resolve));
    },
  });
  const cli = startCli(["fleet", "run", "env=prod", "backup", "home"], { env: controller.env });
  await cli.printed(/web01: running/);
  cli.child.kill("SIGINT");
  const { exitCode, stderr } = await cli.ended;
  assert.equal(exitCode, 130);
  assert.match(stderr, /stopped watching; it goes on\n {2}luksmith fleet dispatches b4k2 --follow/);
});

test("a controller that ends in the middle: 13, and how to watch again", async () => {
  await using controller = await scriptedController({
    ...runScript([endedDispatch(sampleFleetRun())]),
    watchDispatches: (_request, send) => send({ dispatch: sampleDispatch({ id: "d-web01" }) }),
  });
  const { exitCode, stderr } = await fleet(controller, "run", "env=prod", "backup", "home");
  assert.equal(exitCode, 13);
  assert.match(
    stderr,
    /^error: the controller stopped telling: 1 queued\nhint: luksmith fleet dispatches b4k2 --follow$/m,
  );
});

test("dispatches --follow and cancel", async () => {
  await using controller = await scriptedController({
    ...runScript([endedDispatch(sampleFleetRun())]),
    cancelFleetRun: ({ run }) =>
      run === "b4k2"
        ? { runs: [], dispatches: [sampleDispatch({ state: DispatchState.CANCELLED })] }
        : { runs: [runningFleetRun()], dispatches: [] },
  });
  const followed = await fleet(controller, "dispatches", "b4k2", "--follow");
  assert.equal(followed.exitCode, 0, followed.stderr);
  assert.match(followed.stdout, /^web01\/7f3a9c21 +done/m);
  assert.equal((await fleet(controller, "cancel", "b4k2")).stdout, "web01: backup home is not begun any more\n");
  assert.equal((await fleet(controller, "cancel", "web01/last")).stdout, "cancelling web01/7f3a9c21: backup home\n");
});

test("log: the events, live with --follow, and the run's end is the exit code", async () => {
  const error = { code: "full", message: "3 GiB are missing", hint: "" };
  const failed = sampleRun({ state: RunState.FAILED, error, summary: "" });
  const watched: unknown[] = [];
  await using controller = await scriptedController({
    watchFleetRun: (request, send) => {
      watched.push(request);
      send({ kind: { $case: "run", value: runningFleetRun() } });
      const events = backupEvents(failed);
      for (const event of request.follow ? events : events.slice(0, -1))
        send({ kind: { $case: "event", value: event } });
    },
  });
  const log = await fleet(controller, "log", "web01/7f3a");
  assert.equal(log.exitCode, 0);
  assert.match(log.stdout, /^2026-11-23 02:00:00 {2}started backup home, asked by root$/m);
  assert.match(log.stderr, /^web01\/7f3a9c21 goes on: luksmith fleet log web01\/7f3a9c21 --follow$/m);
  const followed = await fleet(controller, "log", "web01/last", "--follow");
  assert.equal(followed.exitCode, 1);
  assert.match(followed.stderr, /^error: 3 GiB are missing\nhint: luksmith fleet log web01\/7f3a9c21$/m);
  const json = jsonLines((await fleet(controller, "log", "web01/last", "-f", "--json")).stdout);
  assert.deepEqual([json[0]?.type, json[0]?.runId, json.at(-2)?.type], ["run_started", runningRun().id, "run_ended"]);
  assert.deepEqual(watched.slice(0, 2), [
    { run: "web01/7f3a", follow: false },
    { run: "web01/last", follow: true },
  ]);
});

test("alerts test: 1 when a message was not delivered", async () => {
  await using controller = await scriptedController({
    testAlerts: ({ channel }) => ({
      results: [
        { channel: "mail", delivered: true, detail: "250 ok" },
        ...(channel === "" ? [{ channel: "hook", delivered: false, detail: "status 500" }] : []),
      ],
    }),
  });
  const all = await fleet(controller, "alerts", "test");
  assert.equal(all.exitCode, 1);
  assert.match(all.stdout, /^hook +not delivered +status 500$/m);
  assert.match(all.stderr, /^error: 1 channel of 2 did not deliver\nhint: /);
  assert.equal((await fleet(controller, "alerts", "test", "mail")).exitCode, 0);
});

test("an operator's key is made here, and the credential is for its owner alone", async () => {
  let fails = false;
  await using controller: ScriptedController = await scriptedController({
    createOperator: async ({ name, role, scope, certificateRequest }) => {
      if (fails) throw new LuksmithError("exists", `there is an operator ${name}`);
      const { scene, credential } = controller;
      assert.deepEqual([name, role, scope], ["bob", Role.VIEWER, "env=prod"]);
      const fresh = await scene.authorities.issueClient({ kind: "operator", name }, certificateRequest);
      return {
        operator: sampleOperator({ name, role, scope }),
        credentials: { ...credential, certificate: fresh.certificate },
      };
    },
    revokeController: ({ id }) => ({ controller: sampleController({ id, alive: false, revoked: true }) }),
    revokeOperator: ({ name }) => ({ operator: sampleOperator({ name, revoked: true }) }),
  });
  const args = ["operator", "create", "bob", "--role", "viewer", "--scope", "env=prod", "--out", "bob.yaml"];
  const made = await fleet(controller, ...args);
  assert.equal(made.exitCode, 0, made.stderr);
  const path = join(controller.directory, "bob.yaml");
  assert.equal(made.stdout, `bob is a viewer of env=prod: ${path}\n`);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const file = operatorFileSchema.parse(parseYaml(await readFile(path, "utf8")).value);
  assert.notEqual(file.key, controller.credential.key);

  const again = await fleet(controller, ...args);
  assert.equal(again.exitCode, 1);
  assert.match(again.stderr, /bob\.yaml is there already\nhint: /);
  assert.equal(controller.calls.length, 1);
  fails = true;
  const refused = await fleet(controller, ...args.slice(0, -1), "carol.yaml");
  assert.equal(refused.exitCode, 1);
  await assert.rejects(stat(join(controller.directory, "carol.yaml")), { code: "ENOENT" });
  assert.match((await fleet(controller, ...args.slice(0, -1), "/nonexistent/x.yaml")).stderr, /cannot be made/);
  assert.match((await fleet(controller, "operator", "revoke", "bob", "--yes")).stdout, /^bob is revoked/);
});

test("ca rotate: each step renews who takes it; the last asks", async () => {
  const steps: unknown[] = [];
  let phase: RotationPhase = RotationPhase.NONE;
  await using controller: ScriptedController = await scriptedController({
    getAuthorities: () => sampleAuthorities({ phase }),
    rotateAuthority: (request) => {
      steps.push(request);
      phase = RotationPhase.SERVERS;
      return { phase };
    },
    renewOperator: async ({ certificateRequest }) => {
      const { scene, credential } = controller;
      const fresh = await scene.authorities.issueClient({ kind: "operator", name: "alice" }, certificateRequest);
      await scene.authorities.record(scene.store.database, fresh);
      return { credentials: { ...credential, certificate: fresh.certificate } };
    },
  });
  const before = await readFile(controller.file, "utf8");
  const started = await fleet(controller, "ca", "rotate", "start");
  assert.equal(started.exitCode, 0, started.stderr);
  assert.match(started.stdout, /^step 3 of 3/);
  assert.notEqual(await readFile(controller.file, "utf8"), before);
  const last = await fleet(controller, "ca", "rotate", "next", "--force");
  assert.equal(last.exitCode, 2);
  assert.match(last.stderr, /no way back.*\nhint: luksmith fleet ca rotate next --yes/);
  assert.equal((await fleet(controller, "ca", "rotate", "next", "--force", "--yes")).exitCode, 0);
  const { START, NEXT } = RotateAuthorityRequest_Step;
  assert.deepEqual(steps, [
    { step: START, force: false },
    { step: NEXT, force: true },
  ]);
});
