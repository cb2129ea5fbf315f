import assert from "node:assert/strict";
import { test } from "node:test";
import { LuksmithError } from "../../../common/errors.ts";
import {
  AuditEntry_Decision,
  type CheckAccessRequest,
  type ListAuditRequest,
} from "../../../proto/gen/luksmith/v1/agent.ts";
import { sampleAccess, sampleAudit } from "../../unit/cli/samples.ts";
import { jsonLines, runCli } from "./cli-process.ts";
import { scriptedAgent } from "./scripted-agent.ts";

test("access check: the answer is the exit code", async () => {
  const requests: CheckAccessRequest[] = [];
  await using agent = await scriptedAgent({
    checkAccess: (request) => {
      requests.push(request);
      if (request.user === "nobody2") throw new LuksmithError("not_found", "there is no user", { hint: "look" });
      if (request.verb === "backup") return sampleAccess();
      return sampleAccess({ allowed: false, verb: "restore", rule: "", reason: "no rule\u001b[2J", hint: "ask root" });
    },
  });
  const allowed = await runCli(["access", "check", "alice", "backup", "home"], agent);
  assert.equal(allowed.exitCode, 0);
  assert.equal(allowed.stdout, "allowed: access[0] allows backup to the user alice on volume home\n");
  assert.equal(allowed.stderr, "");
  const refused = await runCli(["access", "check", "alice", "restore"], agent);
  assert.equal(refused.exitCode, 1);
  assert.equal(refused.stdout, "refused: no rule\\u{1b}[2J\n");
  assert.equal(refused.stderr, "error: alice may not use restore on job home\nhint: ask root\n");
  const json = await runCli(["access", "check", "alice", "restore", "--json"], agent);
  assert.deepEqual(
    jsonLines(json.stdout).map(({ type, allowed: may }) => [type, may]),
    [
      ["access", false],
      ["error", undefined],
    ],
  );
  assert.equal((await runCli(["access", "check", "nobody2", "backup", "home"], agent)).exitCode, 10);
  assert.deepEqual(requests[0], { user: "alice", verb: "backup", name: "home" });
  assert.deepEqual(requests[1], { user: "alice", verb: "restore", name: "" });
});

test("access check: what can be no name is refused before anybody is asked", async () => {
  await using agent = await scriptedAgent({});
  for (const args of [
    ["alice:x", "backup", "home"],
    ["a\nb", "backup", "home"],
    ["", "backup", "home"],
    ["alice", "Backup", "home"],
    ["alice", "backup", "../home"],
    ["alice"],
    ["alice", "backup", "home", "more"],
  ]) {
    const { exitCode, stderr } = await runCli(["access", "check", ...args], agent);
    assert.equal(exitCode, 2, args.join(" "));
    assert.match(stderr, /^error: /);
  }
  assert.deepEqual(agent.calls, []);
});

test("audit: filters arrive, lines come as they are told, the newest last", async () => {
  const requests: ListAuditRequest[] = [];
  await using agent = await scriptedAgent({
    listAudit: (request, send) => {
      requests.push(request);
      send({ kind: { $case: "entry", value: sampleAudit() } });
      const nasty = { user: "x\u001b[2J", uid: undefined, job: "a\nb", reason: "no rule" };
      send({ kind: { $case: "unreadable", value: 2 } });
      send({ kind: { $case: "entry", value: sampleAudit({ decision: AuditEntry_Decision.REFUSED, ...nasty }) } });
      send({
        kind: {
          $case: "entry",
          value: sampleAudit({ decision: AuditEntry_Decision.STARTED, run: "7f3a9c21", reason: "" }),
        },
      });
    },
  });
  const human = await runCli(["audit"], agent);
  assert.equal(human.exitCode, 0);
  const lines = human.stdout.trimEnd().split("\n");
  assert.equal(lines.length, 3);
  assert.match(lines[0] ?? "", /allowed {2}alice \(1000\) +backup +job home +access\[0\] allows/);
  assert.match(lines[1] ?? "", /refused {2}x\\u\{1b\}\[2J +backup +job a\\u\{a\}b +no rule/);
  assert.match(lines[2] ?? "", /started {2}alice \(1000\) +backup +job home +run 7f3a9c21$/);
  assert.match(human.stderr, /2 lines of the audit log cannot be read/);
  const since = "2026-11-23T02:00:00Z";
  const options = ["--user", "alice", "--verb", "backup", "--refused", "--since", since, "--limit", "7", "--json"];
  const json = await runCli(["audit", ...options], agent);
  assert.deepEqual(
    jsonLines(json.stdout).map(({ type, decision, uid }) => [type, decision, uid]),
    [
      ["audit", "allowed", 1000],
      ["audit", "refused", null],
      ["audit", "started", 1000],
    ],
  );
  await runCli(["audit", "--all"], agent);
  assert.deepEqual(requests, [
    { user: "", verb: "", refusedOnly: false, since: undefined, limit: 100 },
    { user: "alice", verb: "backup", refusedOnly: true, since: new Date(since), limit: 7 },
    { user: "", verb: "", refusedOnly: false, since: undefined, limit: 0 },
  ]);
});

test("audit: what is no time, no number, no verb", async () => {
  await using agent = await scriptedAgent({});
  for (const args of [
    ["--since", "yesterday"],
    ["--since", "2026-02-31"],
    ["--since", "-2h"],
    ["--limit", "0"],
    ["--limit", "10001"],
    ["--verb", "x y"],
    ["--user", "a:b"],
  ]) {
    assert.equal((await runCli(["audit", ...args], agent)).exitCode, 2, args.join(" "));
  }
  assert.deepEqual(agent.calls, []);
});
