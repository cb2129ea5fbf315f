import assert from "node:assert/strict";
import { test } from "node:test";
import { TextWatch } from "../../../cli/show/content.ts";
import { createdText } from "../../../cli/show/created-volume.ts";
import { longText, modeText } from "../../../cli/show/files.ts";
import { findingText } from "../../../cli/show/findings.ts";
import { jobsText } from "../../../cli/show/jobs.ts";
import { remoteFindingText } from "../../../cli/show/remote-check.ts";
import { cancelText, runsText } from "../../../cli/show/runs.ts";
import { sizesText } from "../../../cli/show/sizes.ts";
import { snapshotsText } from "../../../cli/show/snapshots.ts";
import { statusText } from "../../../cli/show/status.ts";
import { scanText } from "../../../cli/show/trust.ts";
import { volumesText } from "../../../cli/show/volumes.ts";
import { Finding_Level, FleetConnection_State, RemoteFinding_Level } from "../../../proto/gen/luksmith/v1/agent.ts";
import { FileEntry_Type, RunState, RunTotals, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import {
  after,
  runningRun,
  sampleFile,
  sampleFinding,
  sampleFleetConnection,
  sampleJob,
  sampleRun,
  sampleScan,
  sampleSnapshot,
  sampleStatus,
  sampleVolume,
  unscheduled,
} from "./samples.ts";

// times are shown in the local zone
process.env.TZ = "UTC";

const plain = (_style: string, text: string) => text;

test("status", () => {
  const failed = sampleRun({ id: "bb02", state: RunState.FAILED, finishedAt: after(60) });
  const drilled = sampleRun({ verb: Verb.DRILL });
  const sampleDrill = { ...drilled, totals: RunTotals.create({ projectedMs: 7_200_000 }) };
  const status = sampleStatus({
    running: [runningRun()],
    jobs: [
      {
        ...{ job: "home", volume: "home", lastGood: sampleRun(), last: failed, lastDrill: sampleDrill },
        ...{ nextStart: after(24 * 3600), nextSchedule: "jobs.home", waitsFor: "" },
      },
      { job: "srv", volume: "home", lastGood: undefined, last: undefined, lastDrill: undefined, ...unscheduled },
    ],
  });
  assert.equal(
    statusText(status, after(3631), plain),
    `luksmith-agent 0.1.0 on web01, up 1 h, 62.0 MiB of memory
configuration /etc/luksmith/agent.yaml

RUN       VERB    OF    STATE    STARTED              DURATION  SUMMARY
7f3a9c21  backup  home  running  2026-11-23 02:00:00       1 h

JOB   VOLUME  LAST GOOD BACKUP               LAST RUN                                      NEXT START                            LAST DRILL
home  home    2026-11-23 02:00:31 (1 h ago)  failed 2026-11-23 02:01:00 (59 min 31 s ago)  2026-11-24 02:00:00 (in 22 h 59 min)  done 2026-11-23 02:00:31 (1 h ago); all in about 2 h
srv   home    never                          -                                             no schedule                           never
`,
  );
});

for (const [fleet, lines] of [
  [
    sampleFleetConnection(),
    ["fleet: web01, connected to c1 at fleet.example.net:7443 since 2026-11-23 02:00:00 (1 h)"],
  ],
  [
    sampleFleetConnection({
      ...{ state: FleetConnection_State.WAITING, name: "", unreported: 2, nextAttempt: after(3700) },
      error: { code: "unreachable", message: "no controller answers\x1b at a:1", hint: "look there" },
    }),
    [
      "fleet: m7f3a9c21, not connected since 2026-11-23 02:00:00 (1 h): no controller answers\\u{1b} at a:1; next attempt 2026-11-23 03:01:40; 2 runs to be reported",
      "  hint: look there",
    ],
  ],
  [sampleFleetConnection({ state: FleetConnection_State.NOT_ENROLLED }), []],
] as const) {
  test(`status of a machine of a fleet: ${lines[0] ?? "of none"}`, () => {
    const text = statusText(sampleStatus({ fleet }), after(3631), plain);
    const all = text.split("\n");
    assert.deepEqual(all.slice(2, all.indexOf("")), [...lines]);
  });
}

for (const [waitsFor, shown] of [
  ["volume", "due: the volume is in use"],
  ["permit", "due: waits for its turn"],
  ["", "due"],
] as const) {
  test(`status of a backup that is due: ${shown}`, () => {
    const next = { nextStart: after(0), nextSchedule: "jobs.home", waitsFor };
    const job = { job: "home", volume: "home", lastGood: undefined, last: undefined, lastDrill: undefined, ...next };
    assert.match(statusText(sampleStatus({ jobs: [job] }), after(0), plain), new RegExp(`  ${shown} +never$`, "m"));
  });
}

test("status of an agent that has nothing to do", () => {
  const text = statusText(sampleStatus({ jobs: [], hostname: "a\x1b]0;b" }), after(1), plain);
  assert.match(text, /on a\\u\{1b\}\]0;b/);
  assert.match(text, /nothing runs now\n\nno job is configured\n$/);
});

const volumeStates: [name: string, volume: Parameters<typeof sampleVolume>[0], state: RegExp][] = [
  ["ready", {}, /ready$/m],
  ["not created", { created: false, size: 0 }, /200 GiB .*not created: luksmith volume create home$/m],
  ["in use", { heldBy: runningRun() }, /in use: backup home, run 7f3a9c21$/m],
  ["unclean", { unclean: true }, /not cleanly detached/],
  ["to be grown", { configuredSize: 300 * 2 ** 30 }, /200 GiB .*configured for 300 GiB: luksmith volume resize home$/m],
];

for (const [name, changes, state] of volumeStates) {
  test(`a volume that is ${name}`, () => assert.match(volumesText([sampleVolume(changes)], plain), state));
}

test("jobs", () => {
  assert.equal(
    jobsText([sampleJob(), sampleJob({ name: "srv", exclude: [], sources: ["/srv\n"] })], plain),
    "JOB   VOLUME  SOURCES     EXCLUDES\nhome  home    /home /etc  *.tmp\nsrv   home    /srv\\u{a}   -\n",
  );
});

test("jobs of users", () => {
  const own = sampleJob({ name: "mine", user: "alice", sources: [], sourcesBelow: ["/home/alice"], exclude: [] });
  assert.equal(
    jobsText([sampleJob(), own], plain),
    "JOB   VOLUME  USER   SOURCES                            EXCLUDES\n" +
      "home  home    -      /home /etc                         *.tmp\n" +
      "mine  home    alice  named by alice, below /home/alice  -\n",
  );
});

test("runs: a failure shows its reason where others have their summary", () => {
  const error = { code: "full", message: "3 GiB are missing", hint: "" };
  const text = runsText([sampleRun(), sampleRun({ id: "bb02", state: RunState.FAILED, error })], after(99), plain);
  assert.match(text, /^7f3a9c21 {2}backup {2}home {2}done .* 31 s {2}snapshot 2026.*new$/m);
  assert.match(text, /^bb02 .* failed .* 3 GiB are missing$/m);
});

test("nothing to list is said", () => {
  assert.equal(runsText([], after(0), plain), "no run is remembered\n");
  assert.equal(jobsText([], plain), "no job is configured\n");
  assert.equal(volumesText([], plain), "no volume is configured\n");
  assert.equal(snapshotsText([], plain), "no snapshot yet\n");
});

test("cancelling", () => {
  assert.match(cancelText(runningRun()), /^cancelling run 7f3a9c21: backup home\n.*--follow/);
  assert.match(cancelText(sampleRun({ state: RunState.CANCELLED })), /^run 7f3a9c21 \(backup home\) is cancelled$/m);
  assert.match(cancelText(sampleRun()), /had ended already: done$/m);
});

test("snapshots are named as they are typed", () => {
  const text = snapshotsText(
    [
      sampleSnapshot({ incomplete: true, warnings: 2 }),
      sampleSnapshot({ name: "2026-11-24T02-00-00Z", latest: false, partial: true, files: 0, runId: "" }),
    ],
    plain,
  );
  assert.match(
    text,
    /^home@2026-11-23T02-00-00Z {2}2026-11-23 02:00:00 {2}3,012 {2}75\.0 MiB {2}1\.00 MiB {2}latest, incomplete: 2 warnings$/m,
  );
  assert.match(text, /^home@2026-11-24T02-00-00Z .* - +- +- {2}unfinished$/m);
});

const modes: [type: FileEntry_Type, mode: number, text: string][] = [
  [FileEntry_Type.FILE, 0o644, "-rw-r--r--"],
  [FileEntry_Type.DIRECTORY, 0o1777, "drwxrwxrwt"],
  [FileEntry_Type.DIRECTORY, 0o1776, "drwxrwxrwT"],
  [FileEntry_Type.FILE, 0o4755, "-rwsr-xr-x"],
  [FileEntry_Type.FILE, 0o4655, "-rwSr-xr-x"],
  [FileEntry_Type.FILE, 0o2710, "-rwx--s---"],
  [FileEntry_Type.FILE, 0o2700, "-rwx--S---"],
  [FileEntry_Type.SYMLINK, 0o777, "lrwxrwxrwx"],
  [FileEntry_Type.BLOCK_DEVICE, 0o660, "brw-rw----"],
  [FileEntry_Type.CHARACTER_DEVICE, 0, "c---------"],
  [FileEntry_Type.FIFO, 0, "p---------"],
  [FileEntry_Type.SOCKET, 0, "s---------"],
  [FileEntry_Type.UNRECOGNIZED, 0, "?---------"],
];

for (const [type, mode, text] of modes) test(`mode ${text}`, () => assert.equal(modeText(type, mode), text));

test("a file in a listing", () => {
  const file = sampleFile({ uid: 1000, gid: 100, owner: "alice", group: "" });
  assert.equal(longText(file), "-rw-r--r-- alice    100              1234  2026-11-23 02:00:00  etc/hosts");
  assert.equal(longText(file, true), "-rw-r--r--  1000   100         1234  2026-11-23 02:00:00  etc/hosts");
  const link = sampleFile({
    type: FileEntry_Type.SYMLINK,
    mode: 0o777,
    path: Buffer.from("a\nb"),
    target: Buffer.from("\x1b[2J"),
  });
  assert.match(longText(link), / {2}\$'a\\nb' -> \$'\\x1b\[2J'$/);
});

test("what snapshots take", () => {
  const size = { snapshot: "2026-11-23T02-00-00Z", partial: false, bytes: 3 * 2 ** 20, ownBytes: 2 ** 20 };
  const together = { ...size, snapshot: "", bytes: 5 * 2 ** 20, ownBytes: 5 * 2 ** 20 };
  assert.equal(
    sizesText("home", [size, { ...size, partial: true }, together], plain),
    `SNAPSHOT                   SIZE      SHARED    OWN       NOTES
home@2026-11-23T02-00-00Z  3.00 MiB  2.00 MiB  1.00 MiB
home@2026-11-23T02-00-00Z  3.00 MiB  2.00 MiB  1.00 MiB  unfinished
together                   5.00 MiB
`,
  );
});

test("only text is for a terminal, wherever it is cut", () => {
  const bytes = Buffer.from("caf\u00e9\t\r\n\u{1f5c4}\n");
  const watch = new TextWatch();
  for (const byte of bytes) watch.require(Buffer.of(byte));
  for (const binary of ["\x1b[2J", "\0", "\x07", "\xff", "\xc2\x9b"]) {
    assert.throws(() => new TextWatch().require(Buffer.from(binary, "latin1")), { code: "usage" });
  }
});

test("what a key can do at a backup host", () => {
  const finding = { level: RemoteFinding_Level.OK, subject: "SFTP", message: "images is there", hint: "" };
  assert.equal(remoteFindingText(finding, plain), "ok    SFTP: images is there\n");
  assert.equal(
    remoteFindingText({ ...finding, level: RemoteFinding_Level.NO, message: "gone\x1b", hint: "make it" }, plain),
    "no    SFTP: gone\\u{1b}\n      hint: make it\n",
  );
});

test("findings", () => {
  assert.equal(findingText(sampleFinding(), plain), "ok        rsync: version 3.2.7\n");
  assert.equal(
    findingText(sampleFinding({ level: Finding_Level.PROBLEM, hint: "chmod 0400 \x1b" }), plain),
    "problem   rsync: version 3.2.7\n          hint: chmod 0400 \\u{1b}\n",
  );
});

test("host keys: the trusted ones, then the offered ones, the best first", () => {
  const [name, ...keys] = scanText(sampleScan()).trimEnd().split("\n");
  assert.equal(name, "vault (vault.example.net port 22)");
  assert.deepEqual(
    keys.map((line) => line.replace(/SHA256:\S+/, "...")),
    ["  offered  ... (ED25519)", "  offered  ... (RSA)"],
  );
});

const created = {
  volume: "home",
  runId: "7f3a",
  finished: true,
  recoveryPassphrase: "tulip-anchor",
  keyFile: "/etc/luksmith/keys/home.key",
  headerFile: "/var/lib/luksmith/headers/home",
};

test("a new volume: the passphrase with its warning, and what to copy", () => {
  const text = createdText(created);
  assert.match(text, /^ {4}tulip-anchor$/m);
  assert.match(text, /shown this once and stored nowhere/);
  assert.match(text, /Write it down/);
  assert.match(text, /key file +\/etc\/luksmith\/keys\/home\.key/);
  assert.match(text, /pinned header +\/var\/lib\/luksmith\/headers\/home/);
  assert.doesNotMatch(text, /not finished/);
});

test("a new volume whose run was not seen to end", () => {
  assert.match(createdText({ ...created, finished: false }), /not finished.*luksmith log 7f3a --follow/);
});

test("a new volume with a key of one's own has no passphrase", () => {
  assert.doesNotMatch(createdText({ ...created, recoveryPassphrase: "" }), /passphrase/);
});
