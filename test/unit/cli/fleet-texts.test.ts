import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { unreachable } from "../../../cli/fleet/connect.ts";
import { byInterest, countsText, dispatchError, worstError } from "../../../cli/fleet/dispatch-outcome.ts";
import { shares, topLines } from "../../../cli/fleet/top-picture.ts";
import { alertsText, channelsText } from "../../../cli/show/fleet-alerts.ts";
import { fleetAuditText } from "../../../cli/show/fleet-audit.ts";
import { authoritiesText } from "../../../cli/show/fleet-authorities.ts";
import { controllersText } from "../../../cli/show/fleet-controllers.ts";
import { dispatchesText, outcomesText, pictureLines, withProgress } from "../../../cli/show/fleet-dispatches.ts";
import { machinesText } from "../../../cli/show/fleet-machines.ts";
import { operatorsText } from "../../../cli/show/fleet-operators.ts";
import { cancelledText, fleetRunsText } from "../../../cli/show/fleet-runs.ts";
import { planText, schedulesText } from "../../../cli/show/fleet-schedules.ts";
import { fleetStatusText } from "../../../cli/show/fleet-status.ts";
import { enrolLine, tokensText } from "../../../cli/show/fleet-tokens.ts";
import type { ErrorCode } from "../../../common/errors.ts";
import {
  AlertState,
  DispatchState,
  MachineState,
  RotationPhase,
  ScheduleChange_Kind,
} from "../../../proto/gen/luksmith/v1/controller.ts";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import {
  authorityFingerprint,
  endedDispatch,
  runningFleetRun,
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
} from "./fleet-samples.ts";
import { after, runningRun, sampleRun } from "./samples.ts";

// times are shown in the local zone
process.env.TZ = "UTC";

const plain = (_style: string, text: string) => text;
const now = after(0);

test("status", () => {
  assert.equal(
    fleetStatusText(sampleFleet(), plain),
    `controller  c1, luksmith 0.1.0
you are     alice, admin for every machine, until 2026-12-23 02:00:00
machines    120 machines, 118 connected, 2 away
pending     1 machine waits to be accepted: luksmith fleet machines
runs        3 running, 2 queued
overdue     1
alerts      1: luksmith fleet alerts
`,
  );
});

test("machines", () => {
  const pending = sampleMachine({ id: "m2", name: "", hostname: "web02", state: MachineState.PENDING, labels: [] });
  const error = { code: "not_found", message: "there is no job srv", hint: "" };
  const refused = [{ schedule: "weekly", job: "srv", volume: "", error, occurrence: undefined }];
  const refusing = sampleMachine({ inventory: { jobs: [], volumes: [], allowed: [], refused } });
  assert.match(machinesText([refusing], false, now, plain), / refuses weekly \(srv\): there is no job srv$/m);
  const dueAndNot = { ...refused[0], schedule: "nightly", job: "home", volume: "", error, occurrence: after(-60) };
  const failing = sampleMachine({ inventory: { jobs: [], volumes: [], allowed: [], refused: [dueAndNot] } });
  const reason = /nightly \(home\) could not begin 1 min ago: there is no job srv$/m;
  assert.match(machinesText([failing], false, now, plain), reason);
  assert.match(machinesText([failing], true, now, plain), reason);
  const odd = sampleMachine({
    name: "db01",
    connected: false,
    clockSkewMs: -180_000,
    notice: "two agents are this one",
  });
  assert.equal(
    machinesText([sampleMachine(), pending, odd], false, now, plain),
    `MACHINE  STATE      LABELS             VERSION  LAST SEEN  NOTES
web01    connected  env=prod role=web  0.1.0    now
m2       pending                       0.1.0    now        luksmith fleet accept makes it one of the fleet; host name web02
db01     away       env=prod role=web  0.1.0    5.0 s ago  two agents are this one; its clock is 3 min behind; host name web01
`,
  );
  assert.equal(
    machinesText([sampleMachine(), sampleMachine({ name: "new", jobs: [] })], true, now, plain),
    `MACHINE  JOB   LAST GOOD BACKUP  LAST RUN  NEXT       NOTES
web01    home  2 h ago           done      in 10 min  overdue: should not be older than 1 h
new      -     -                 -         -          host name web01
`,
  );
});

test("a machine that tells of no job, and should have some, is shown as that", () => {
  const never = { lastGood: undefined, last: undefined, next: undefined };
  const silent = sampleMachine({ jobs: [{ ...never, job: "*", maxAgeMs: 3_600_000, overdue: true }] });
  assert.match(
    machinesText([silent], true, now, plain),
    /^web01 +\* +never +- +\S+ +overdue: should not be older than 1 h; the machine tells of no job$/m,
  );
});

test("what there is none of is said", () => {
  assert.match(machinesText([], false, now, plain), /^no machine fits: .*token create/);
  assert.match(tokensText([], now, plain), /fleet token create$/m);
  assert.match(schedulesText([], now, plain), /fleet apply -f FILE$/m);
  assert.equal(fleetRunsText([], now, plain), "no such run is on record\n");
  assert.equal(dispatchesText([], now, plain), "nothing of that kind was asked for\n");
  assert.equal(alertsText([], plain), "no alert\n");
  assert.match(channelsText([], plain), /nobody would hear/);
  assert.equal(operatorsText([], now, plain), "there is no operator\n");
  assert.equal(cancelledText({ runs: [], dispatches: [] }), "there is nothing left to end\n");
});

test("tokens", () => {
  const tokens = [
    sampleToken(),
    sampleToken({ id: "t2", revoked: true, name: "db01" }),
    sampleToken({ id: "t3", expiresAt: after(-60), namePattern: "web-*" }),
    sampleToken({ id: "t4", usesLeft: 0 }),
  ];
  const lines = tokensText(tokens, now, plain).split("\n");
  assert.match(lines[1] ?? "", /^t7c2m4 +valid +env=prod +to be confirmed +1 of 1 +alice +in 30 min$/);
  assert.match(lines[2] ?? "", /^t2 +revoked +env=prod +db01/);
  assert.match(lines[3] ?? "", /^t3 +expired +env=prod +web-\* .* 1 min ago$/);
  assert.match(lines[4] ?? "", /^t4 +used .* 0 of 1/);
});

const made = {
  token: sampleToken(),
  secret: "lsm_t7c2m4_5f",
  addresses: ["controller.example.net:7443", "[2001:db8::1]:7443"],
  authorities: [authorityFingerprint],
};

test("the line to type has nothing in it that a shell would do something with", () => {
  assert.equal(
    enrolLine(made),
    `luksmith enroll controller.example.net:7443 '[2001:db8::1]:7443' --token lsm_t7c2m4_5f --ca sha256:${authorityFingerprint}`,
  );
  const two = enrolLine({ ...made, authorities: [authorityFingerprint, "cd".repeat(32)] });
  assert.match(two, /--ca sha256:(ab)+ --ca sha256:(cd)+$/);
  for (const bad of [
    { ...made, secret: "a;b" },
    { ...made, secret: "" },
    { ...made, addresses: ["$(id):1"] },
    { ...made, addresses: [] },
    { ...made, addresses: ["['$(id)']:1"] },
    { ...made, authorities: [] },
  ]) {
    assert.throws(() => enrolLine(bad), { code: "internal" });
  }
});

test("schedules", () => {
  assert.equal(
    schedulesText([sampleSchedule()], now, plain),
    `SCHEDULE  MACHINES  DOES         WHEN                     COUNT  NEXT    CHANGED BY
nightly   env=prod  backup home  0 2 * * * Europe/Berlin     12  in 1 h  alice
`,
  );
});

test("what applying would change", () => {
  const field = (before: string, after: string) => ({ field: "cron", before, after });
  const change = (kind: ScheduleChange_Kind, schedule: string, fields = [] as ReturnType<typeof field>[]) => ({
    schedule,
    kind,
    fields,
    machines: 3,
  });
  const { ADDED, CHANGED, UNCHANGED, DELETED, LEFT } = ScheduleChange_Kind;
  assert.equal(
    planText(
      [
        change(ADDED, "new"),
        change(CHANGED, "nightly", [field("0 2 * * *", "0 3 * * *"), field("", "a\x1b"), field("x", "")]),
        change(UNCHANGED, "weekly"),
        change(DELETED, "old"),
        change(LEFT, "other"),
      ],
      plain,
    ),
    `+ new  3 machines
~ nightly  3 machines
    cron: 0 2 * * * -> 0 3 * * *
    cron: a\\u{1b}
    cron: x is left out
= weekly  3 machines
- old
  other  3 machines  not in the file: --prune deletes it
`,
  );
});

const failedRun = sampleFleetRun({
  machine: "web02",
  run: sampleRun({
    id: "bb02",
    state: RunState.FAILED,
    summary: "",
    error: { code: "full", message: "3 GiB are missing", hint: "" },
  }),
});

test("runs of the fleet are named as they are typed; late ones and those that run show it", () => {
  const late = runningFleetRun({ late: true, cause: { dispatchId: "d1", schedule: "", occurrence: undefined } });
  const byHand = sampleFleetRun({ cause: { dispatchId: "", schedule: "", occurrence: undefined } });
  const lines = fleetRunsText([late, failedRun, byHand, sampleFleetRun({ cause: undefined })], after(60), plain).split(
    "\n",
  );
  assert.match(lines[1] ?? "", /^web01\/7f3a9c21 +backup +home +running, late .* copy {2}34 % .* an operator$/);
  assert.match(lines[2] ?? "", /^web02\/bb02 .* failed .* 3 GiB are missing +schedule nightly$/);
  assert.match(lines[3] ?? "", /on the machine$/);
  assert.match(lines[4] ?? "", / -$/);
});

test("cancelling says what becomes of each", () => {
  const text = cancelledText({
    runs: [runningFleetRun(), sampleFleetRun({ machine: "web03" })],
    dispatches: [
      sampleDispatch({ machine: "web04", state: DispatchState.CANCELLED }),
      sampleDispatch({ machine: "web06", state: DispatchState.REFUSED }),
      sampleDispatch({ machine: "web05", state: DispatchState.RUNNING, run: runningFleetRun({ machine: "web05" }) }),
    ],
  });
  assert.equal(
    text,
    `cancelling web01/7f3a9c21: backup home
web03/7f3a9c21 (backup home) has ended: done
cancelling web05/7f3a9c21: backup home
web04: backup home is not begun any more
web06: backup home is over already: refused
`,
  );
});

describe("what a dispatch came to", () => {
  const refused = sampleDispatch({
    machine: "web03",
    state: DispatchState.REFUSED,
    error: { code: "denied", message: "`controller.allow` has no prune", hint: "" },
  });
  const done = endedDispatch(sampleFleetRun());
  const failed = endedDispatch(failedRun);
  const incomplete = endedDispatch(
    sampleFleetRun({ machine: "web05", run: sampleRun({ state: RunState.INCOMPLETE, error: undefined }) }),
  );
  const tampered = endedDispatch(
    sampleFleetRun({
      machine: "web06",
      run: sampleRun({ state: RunState.FAILED, error: { code: "tampered", message: "rolled back", hint: "" } }),
    }),
  );
  const expired = sampleDispatch({ machine: "web07", state: DispatchState.EXPIRED });
  const cancelled = sampleDispatch({ machine: "web08", state: DispatchState.CANCELLED });
  const queued = sampleDispatch({ machine: "web09" });

  test("none is none", () => {
    assert.equal(dispatchError(done), undefined);
    assert.equal(dispatchError(queued), undefined);
    assert.equal(worstError([done, done], 0), undefined);
  });

  const worst: [string, Parameters<typeof worstError>, code: ErrorCode, message: RegExp, hint: RegExp][] = [
    ["one that failed", [[failed], 0], "full", /^web02: 3 GiB are missing$/, /^luksmith fleet log web02\/bb02$/],
    [
      "refused",
      [[done, refused], 0],
      "denied",
      /^1 of 2 machines did not succeed; the worst: web03: refused: `contr/,
      /^$/,
    ],
    [
      "refused, with what to type on the machine",
      [
        [
          sampleDispatch({
            ...refused,
            error: { code: "not_found", message: "x", hint: "luksmith volume create home" },
          }),
        ],
        0,
      ],
      "not_found",
      /^web03: refused: x$/,
      /^on web03: luksmith volume create home$/,
    ],
    ["incomplete and failed", [[incomplete, failed, done], 0], "full", /^2 of 3 /, /./],
    ["incomplete alone", [[incomplete, done], 0], "incomplete", /1 warning|not everything/, /luksmith fleet log web05/],
    ["tampered above all", [[failed, refused, expired, tampered], 0], "tampered", /web06: rolled back$/, /./],
    [
      "away",
      [[expired, incomplete], 0],
      "unreachable",
      /web07: the machine did not come in time/,
      /machines name=web07/,
    ],
    ["cancelled", [[cancelled], 0], "cancelled", /cancelled before it began/, /^$/],
    ["not asked", [[done], 2], "incomplete", /^2 of 3 machines could not be asked$/, /^$/],
    ["not asked, and failed", [[failed], 1], "full", /^2 of 2 machines/, /./],
  ];
  for (const [name, args, code, message, hint] of worst) {
    test(`the worst: ${name}`, () => {
      const error = worstError(...args);
      assert.equal(error?.code, code);
      assert.match(error?.message ?? "", message);
      assert.match(error?.hint ?? "", hint);
    });
  }

  test("what runs comes first, then what went wrong", () => {
    const running = sampleDispatch({ machine: "web10", state: DispatchState.RUNNING, run: runningFleetRun() });
    const all = [done, queued, refused, running];
    assert.deepEqual(
      byInterest(all).map(({ machine }) => machine),
      ["web10", "web03", "web09", "web01"],
    );
    assert.equal(countsText([...all, failed]), "1 running, 1 queued, 1 done, 1 failed, 1 refused");
    assert.deepEqual(pictureLines(all, 3), [
      "backup home on 4 machines  1 running, 1 queued, 1 done, 1 refused",
      "web10  running     copy  34 %  26.0 MiB of 75.0 MiB  12.5 MiB/s  2 min 5 s left  1,204 of 3,012 files",
      "web03  refused     `controller.allow` has no prune",
    ]);
  });

  test("in the end, and in a list", () => {
    const lines = outcomesText([done, failed, refused], now, plain).split("\n");
    assert.match(lines[1] ?? "", /^web01\/7f3a9c21 +done +31 s +snapshot 2026/);
    assert.match(lines[2] ?? "", /^web02\/bb02 +failed +31 s +3 GiB are missing$/);
    assert.match(lines[3] ?? "", /^web03 +refused +- +`controller/);
    assert.match(dispatchesText([queued], now, plain), /^b4k2 +web09 +backup home +queued .* alice +until in 24 h$/m);
  });
});

test("alerts and channels", () => {
  const text = alertsText([sampleAlert(), sampleAlert({ state: AlertState.PENDING, notified: 0, machine: "" })], plain);
  assert.match(text, /^firing .* 2 times$/m);
  assert.match(text, /^pending .* overdue +- +home .* nobody yet$/m);
  const channels = channelsText([{ channel: "mail", delivered: false, detail: "550 no such user" }], plain);
  assert.match(channels, /^mail +not delivered +550 no such user$/m);
});

test("operators, controllers, audit", () => {
  const text = operatorsText([sampleOperator({ scope: "env=prod" })], now, plain);
  assert.match(text, /^alice +admin +env=prod +active +1 min ago +2026-12-23 02:00:00$/m);
  assert.match(
    controllersText([sampleController()], now, plain),
    /^c1 +alive +controller\.\S+ +0\.1\.0 +118 +1 h ago +1\.0 s ago$/m,
  );
  assert.equal(
    fleetAuditText(sampleFleetAudit(), plain),
    "2026-11-23 02:00:05  allowed  alice           RevokeMachine         web01\n",
  );
});

test("a change of the authority: where it stands, what comes next, who is behind", () => {
  const text = (phase: RotationPhase) => authoritiesText(sampleAuthorities({ phase }), now, plain);
  assert.doesNotMatch(text(RotationPhase.NONE), /behind/);
  assert.match(text(RotationPhase.TRUST), /^step 1 of 3: [\s\S]*1 of 2 behind\n[\s\S]*^web02 +no +no +24 h ago$/m);
  assert.doesNotMatch(text(RotationPhase.TRUST), /^web01/m);
  assert.match(text(RotationPhase.CLIENTS), /^step 2 of 3: [\s\S]*2 of 2 behind/);
  assert.match(text(RotationPhase.SERVERS), /drops the old one for good/);
  const machines = Array.from({ length: 25 }, (_, index) => ({
    machine: `m${index}`,
    trustsNext: false,
    issuedByNext: false,
    connected: false,
    lastSeen: undefined,
  }));
  const many = authoritiesText(sampleAuthorities({ phase: RotationPhase.TRUST, machines }), now, plain);
  assert.match(many, /^m19 .*\nand 5 more: luksmith fleet ca status --all$/m);
  const each = authoritiesText(sampleAuthorities({ phase: RotationPhase.TRUST }), now, plain, true);
  assert.match(each, /1 of 2 behind\n[\s\S]*^web01 +yes +[\s\S]*^web02 +no /m);
  const ready = sampleAuthorities().machines.map((machine) => ({ ...machine, trustsNext: true, issuedByNext: true }));
  assert.match(
    authoritiesText(sampleAuthorities({ phase: RotationPhase.SERVERS, machines: ready }), now, plain),
    /0 of 2 behind/,
  );
});

describe("fleet top", () => {
  test("what is drawn", () => {
    assert.deepEqual(topLines(sampleView({ failing: [failedRun] }), after(40), { rows: 24, columns: 200 }, "", plain), [
      "2026-11-23 02:00:40  120 machines, 118 connected  3 running  2 queued  1 overdue  1 alert  q ends",
      "",
      "RUNNING (1)",
      "  web01  backup home  40 s  copy  34 %  26.0 MiB of 75.0 MiB  12.5 MiB/s  2 min 5 s left  1,204 of 3,012 files",
      "",
      "QUEUED (1)",
      "  web02  backup home  queued  asked 1 min 10 s ago by alice",
      "",
      "FAILING (1)",
      "  web02  backup home  failed 9.0 s ago  3 GiB are missing",
      "",
      "OVERDUE (1)",
      "  web01  home  1 h ago  the last good snapshot is 2 h old, and should not be older than 1 h",
      "",
    ]);
  });

  test("it fits, whatever the size", () => {
    const many = sampleView({
      running: Array.from({ length: 50 }, (_, index) => runningFleetRun({ machine: `web${index}` })),
      queued: Array.from({ length: 200 }, (_, index) => sampleDispatch({ machine: `q${index}` })),
      failing: [failedRun],
    });
    for (const [rows, columns] of [
      [24, 80],
      [10, 40],
      [3, 20],
      [1, 5],
    ] as const) {
      const lines = topLines(many, now, { rows, columns }, "a note", plain);
      assert.ok(lines.length <= rows);
      for (const line of lines) assert.ok(line.length < columns, `${rows}x${columns}: ${line}`);
    }
    const lines = topLines(many, now, { rows: 24, columns: 120 }, "", plain);
    assert.ok(lines.includes("RUNNING (50, 6 shown)"), lines.join("\n"));
    assert.ok(lines.includes("FAILING (1)"));
  });

  test("nothing to show", () => {
    const view = sampleView({ running: [], queued: [], overdue: [], fleet: undefined });
    assert.deepEqual(
      topLines(view, now, { rows: 9, columns: 80 }, "", plain).at(-1),
      "nothing runs, nothing waits, nothing is wrong",
    );
  });

  const rooms: [wanted: number[], room: number, given: number[]][] = [
    [[5, 5], 4, [2, 2]],
    [[1, 9, 9], 10, [1, 5, 4]],
    [[2, 2], 99, [2, 2]],
    [[3, 3, 3], 2, [1, 1, 0]],
    [[], 5, []],
    [[4], 0, [0]],
  ];
  for (const [wanted, room, given] of rooms) {
    test(`${JSON.stringify(wanted)} in ${room}`, () => assert.deepEqual(shares(wanted, room), given));
  }
});

test("why no controller answers", () => {
  const silent = (why: string) => ({ kind: "silent" as const, why });
  const one = unreachable([{ address: "a:1", fault: silent("nothing listens there") }]);
  assert.deepEqual(
    [one.code, one.message],
    ["unreachable", "the controller does not answer: a:1: nothing listens there"],
  );
  const two = unreachable([
    { address: "a:1", fault: silent("nothing listens there") },
    { address: "b:1", fault: silent("nothing comes back\x1b") },
  ]);
  assert.equal(two.message, "no controller answers:\na:1: nothing listens there\nb:1: nothing comes back\\u{1b}");
  const stranger = unreachable([
    { address: "a:1", fault: silent("nothing listens there") },
    { address: "b:1", fault: { kind: "stranger", why: "self-signed certificate in certificate chain" } },
  ]);
  assert.equal(stranger.code, "refused");
  assert.match(stranger.message, /b:1: self-signed/);
  assert.match(stranger.hint ?? "", /fleet operator create/);
});

test("a run that goes on is told of with its newest figures", () => {
  const run = runningFleetRun({ progress: undefined });
  const dispatches = [sampleDispatch({ state: DispatchState.RUNNING, run }), sampleDispatch({ machine: "web02" })];
  const running = [runningFleetRun(), runningFleetRun({ machine: "web02" })];
  const [first, second] = withProgress(dispatches, running);
  assert.deepEqual(first?.run?.progress, running[0]?.progress);
  assert.equal(second?.run, undefined);
  assert.equal(
    withProgress(dispatches, [runningFleetRun({ run: runningRun({ id: "another" }) })])[0]?.run?.progress,
    undefined,
  );
});
