import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pino } from "pino";
import { Access } from "../../../agent/access/access.ts";
import { UserDatabase } from "../../../agent/access/user-database.ts";
import { type AuditFilter, AuditLog, type Decided } from "../../../agent/audit/audit-log.ts";
import { examineAudit } from "../../../agent/doctor/audit.ts";
import { Finding_Level } from "../../../proto/gen/luksmith/v1/agent.ts";
import { sampleRun } from "../../unit/cli/samples.ts";
import { FakePrograms, writeUsers } from "../access/fake-programs.ts";
import { ManualClock } from "../runs/manual-clock.ts";

const root = "uid=0;gid=0;pid=17";
const alice = "uid=1000;gid=1000;pid=18";
const bob = "uid=1001;gid=1001;pid=19";

const decided: Decided = {
  decision: "allowed",
  uid: 1000,
  user: "alice",
  pid: 18,
  verb: "backup",
  volume: "home",
  job: "docs",
  run: "",
  sources: [],
  reason: "",
};

function setUp(context: TestContext) {
  const stateDir = mkdtempSync(join(tmpdir(), "luksmith-audit-"));
  context.after(() => rmSync(stateDir, { recursive: true }));
  const clock = new ManualClock();
  const logged: { level: number; msg: string }[] = [];
  const log = pino({}, { write: (line: string) => logged.push(JSON.parse(line)) });
  const audit = new AuditLog(stateDir, clock, log, { fileBytes: 2000, fullFiles: 150 });
  context.after(() => audit.close());
  const programs = new FakePrograms(context);
  writeUsers(programs);
  const none = { groups: [], volumes: [], jobs: [] };
  const rules = [
    { ...none, users: ["alice"], jobs: ["docs"], allow: ["backup" as const, "log" as const] },
    { ...none, users: ["bob"], allow: ["audit" as const] },
  ];
  const config = { access: rules, socket: { path: "/run/agent.sock", group: "luksmith" } };
  const access = new Access(config, new UserDatabase(programs.exec, clock), audit);
  const written = async (filter: AuditFilter = {}) =>
    (await Array.fromAsync(audit.read(filter))).flatMap(({ entries }) => entries);
  return { access, audit, clock, logged, stateDir, written };
}

test("every decision is a line, with its reason, before the call goes on", async (context) => {
  const { access, written } = setUp(context);
  await access.authorize(root, "create", { volume: "home" });
  const caller = await access.authorize(alice, "backup", { volume: "home", job: "docs" });
  await assert.rejects(access.authorize(alice, "restore", { volume: "home", job: "docs\n" }), { code: "denied" });
  await assert.rejects(access.authorize(bob, "audit"), { code: "denied" });
  await assert.rejects(access.authorize("unknown", "status"), { code: "denied" });
  assert.throws(() => access.requireRoot(caller, "doctor"), { code: "denied" });
  const isRoot = await access.authorize(root, "keys", { volume: "home" });
  const { granted } = access.requireRoot(isRoot, "keys", { volume: "home" }, "a recovery kit");
  const lines = await written();
  assert.deepEqual(
    lines.map(({ decision, uid, user, pid, verb, volume, job, reason }) =>
      [decision, uid, user, pid, verb, volume, job, reason].join("|"),
    ),
    [
      "allowed|0|root|17|create|home||root may do everything",
      "allowed|1000|alice|18|backup|home|docs|access[0] allows backup to the user alice on job docs",
      "refused|1000|alice|18|restore|home|docs\n|no rule that is for alice allows restore (they are access[0])",
      "refused|1001|bob|19|audit|||bob is not in the group luksmith, whose members alone may speak to the agent",
      "refused|||| status|||it is not known who is calling".replace("| status", "|status"),
      "refused|1000|alice|18|doctor|||only root may do this, whatever the rules say",
      "allowed|0|root|17|keys|home||root may do everything",
      "allowed|0|root|17|keys|home||root may do everything: a recovery kit",
    ],
  );
  assert.equal(caller.granted.id, lines[1]?.id);
  assert.equal(granted.id, lines.at(-1)?.id);
  assert.equal(new Set(lines.map(({ id }) => id)).size, lines.length);
});

test("a run that was asked for is in the line, whether there is one or not", async (context) => {
  const { access, written } = setUp(context);
  const of = (startedBy: number) => () => ({
    found: "it",
    run: "abc123",
    target: { volume: "home", job: "docs", startedBy },
  });
  assert.equal((await access.authorizeRun(alice, "cancel", "ab", of(1000))).found, "it");
  await assert.rejects(access.authorizeRun(alice, "cancel", "ab", of(1001)), { code: "denied" });
  const notThere = () => {
    throw new Error("not there");
  };
  await assert.rejects(access.authorizeRun(alice, "cancel", "x".repeat(5000), notThere), /not there/);
  // whoever may not speak to the agent does not learn whether there is one
  await assert.rejects(access.authorizeRun(bob, "cancel", "ab", notThere), { code: "denied" });
  const lines = await written();
  assert.deepEqual(
    lines.map(({ decision, user, run }) => [decision, user, run.slice(0, 6)]),
    [
      ["allowed", "alice", "abc123"],
      ["refused", "alice", "abc123"],
      ["refused", "alice", "xxxxxx"],
      ["refused", "bob", "ab"],
    ],
  );
  assert.equal(lines[2]?.run.length, 131);
});

test("who may ask what others may do", async (context) => {
  const { access, written } = setUp(context);
  assert.equal((await access.authorizeQuestion(alice, "")).about.name, "alice");
  assert.equal((await access.authorizeQuestion(alice, "alice")).about.uid, 1000);
  assert.equal((await access.authorizeQuestion(alice, "1000")).about.uid, 1000);
  assert.deepEqual((await access.authorizeQuestion(root, "1000")).about.groups, ["alice", "luksmith"]);
  assert.equal((await access.authorizeQuestion(root, "root")).about.uid, 0);
  await assert.rejects(access.authorizeQuestion(alice, "root"), { code: "denied", hint: /access check alice/ });
  await assert.rejects(access.authorizeQuestion(bob, "bob"), { code: "denied" });
  for (const user of ["nobody-at-all", "a\nb", "a:b"]) {
    await assert.rejects(access.authorizeQuestion(root, user), { code: "not_found" });
  }
  assert.deepEqual(new Set((await written()).map(({ verb }) => verb)), new Set(["access"]));
});

test("a run is led back to the decision that it came of", async (context) => {
  const { access, audit, written } = setUp(context);
  const { granted } = await access.authorize(alice, "backup", { volume: "home", job: "docs" });
  audit.started(sampleRun({ id: "run1", caller: { uid: 1000, name: "alice" } }), granted);
  audit.started(sampleRun({ id: "run2" }), undefined);
  const [decision, ofDecision, byItself] = await written();
  assert.deepEqual(
    [ofDecision?.decision, ofDecision?.id, ofDecision?.verb, ofDecision?.run, ofDecision?.pid],
    ["started", decision?.id, "backup", "run1", 18],
  );
  assert.deepEqual([byItself?.id, byItself?.run, byItself?.pid], ["", "run2", null]);
});

test("what cannot be written down is refused to everybody but root", async (context) => {
  const { access, audit, clock, logged, stateDir, written } = setUp(context);
  const place = join(stateDir, "audit");
  writeFileSync(place, "in the way");
  await access.authorize(root, "restore", { volume: "home", job: "docs" });
  await assert.rejects(access.authorize(alice, "backup", { volume: "home", job: "docs" }), {
    code: "denied",
    message: /cannot be written down/,
    hint: /luksmith doctor/,
  });
  // what would be refused anyway is refused for its own reason
  await assert.rejects(access.authorize(alice, "restore", { volume: "home", job: "docs" }), /may not use restore/);
  const finding = examineAudit(audit);
  assert.equal(finding.level, Finding_Level.PROBLEM);
  assert.match(finding.message, /ENOTDIR|EEXIST/);
  // said once a minute, not with each call
  assert.equal(logged.filter(({ level }) => level === 50).length, 1);
  clock.advance(60_000);
  await access.authorize(root, "doctor");
  assert.equal(logged.filter(({ level }) => level === 50).length, 2);

  rmSync(place);
  await access.authorize(alice, "backup", { volume: "home", job: "docs" });
  assert.equal(examineAudit(audit).level, Finding_Level.OK);
  assert.equal((await written()).length, 1);
});

test("what is asked for is found over all the files, the newest last", async (context) => {
  const { audit, clock, written } = setUp(context);
  const half = new Date(clock.now().getTime() + 50_000);
  for (let number = 0; number < 100; number += 1) {
    const who = number % 2 === 0 ? { uid: 1000, user: "alice" } : { uid: 1001, user: "bob" };
    const decision = number % 10 === 0 ? "refused" : "allowed";
    audit.decided(
      { ...decided, ...who, decision, verb: number % 5 === 0 ? "log" : "backup", run: `${number}` },
      "looks",
    );
    clock.advance(1000);
  }
  const runs = async (filter: AuditFilter) => (await written(filter)).map(({ run }) => Number(run));
  const all = Array.from({ length: 100 }, (_, number) => number);
  assert.deepEqual(await runs({}), all);
  for (const limit of [1, 7, 50, 100, 1000]) assert.deepEqual(await runs({ limit }), all.slice(-limit));
  assert.deepEqual(await runs({ user: "bob", limit: 3 }), [95, 97, 99]);
  assert.deepEqual(await runs({ user: "1000", limit: 3 }), [94, 96, 98]);
  assert.deepEqual(await runs({ refusedOnly: true, limit: 2 }), [80, 90]);
  assert.deepEqual(await runs({ verb: "log", since: half, limit: 5 }), [75, 80, 85, 90, 95]);
  assert.deepEqual(await runs({ since: half }), all.slice(50));
  assert.deepEqual(await runs({ user: "nobody" }), []);
});

test("damaged lines are counted, and cost no other", async (context) => {
  const { audit } = setUp(context);
  audit.decided(decided, "looks");
  appendFileSync(audit.path, `garbage\n${JSON.stringify({ time: "yesterday" })}\n\0\0\0`);
  const before = await Array.fromAsync(audit.read({ limit: 10 }));
  assert.deepEqual(
    before.map(({ entries, unreadable }) => [entries.length, unreadable]),
    [[1, 3]],
  );
});

test("nobody pushes out what is written of others", async (context) => {
  const { access, audit, clock, written } = setUp(context);
  await access.authorize(bob, "audit").catch(() => undefined);
  // the log of this test has room for 300,000 bytes
  for (let number = 0; number < 4000; number += 1) {
    const refused = access.authorize(alice, "restore", { volume: "home", job: `${number}`.repeat(100) });
    await refused.catch(() => undefined);
  }
  const lines = await written();
  assert.equal(lines[0]?.user, "bob", "the first line is still there");
  const own = lines.filter(({ user }) => user === "alice");
  const counted = own.at(-1);
  const many = Number(/^(\d+) like this since 2026-/.exec(counted?.reason ?? "")?.[1]);
  assert.equal(own.length - 1 + many, 4000, "each of them is a line, or counted");
  assert.deepEqual([counted?.decision, counted?.verb, counted?.job, counted?.run], ["refused", "restore", "", ""]);
  assert.deepEqual((await written({ limit: 1 }))[0]?.reason, counted?.reason);

  // others, and root, are written down as ever
  for (const peer of [bob, root]) await access.authorize(peer, "status").catch(() => undefined);
  assert.deepEqual(
    (await written()).slice(-3, -1).map(({ user }) => user),
    ["bob", "root"],
  );

  clock.advance(3_600_000);
  await Promise.resolve();
  assert.equal((await written()).at(-1)?.reason, counted?.reason, "the count is written down");
  audit.close();
  assert.equal((await written()).filter(({ reason }) => reason.includes("like this")).length, 1, "once");
});

test("what changes something is never done without a line", async (context) => {
  const { access, clock, written } = setUp(context);
  const ask = () => access.authorize(alice, "backup", { volume: "home", job: "docs" });
  let allowed = 0;
  const error = await (async () => {
    for (;;) {
      try {
        await ask();
        allowed += 1;
      } catch (thrown) {
        return thrown as { code: string };
      }
    }
  })();
  assert.equal(error.code, "locked");
  const lines = await written();
  assert.equal(lines.filter(({ decision }) => decision === "allowed").length, allowed);
  assert.match(lines.at(-1)?.reason ?? "", /^alice has asked for more than is written down of one user in a day/);
  clock.advance(60_000);
  await ask();
});
