import assert from "node:assert/strict";
import { test } from "node:test";
import { type AccessTarget, admit, decide } from "../../../agent/access/policy.ts";
import { type AccessVerb, accessVerbNames } from "../../../agent/access/verb.ts";
import type { AccessRule } from "../../../agent/config/access-rule.ts";

const none = { users: [], groups: [], volumes: [], jobs: [] };
const rules: readonly AccessRule[] = [
  { ...none, users: ["alice"], volumes: ["home"], allow: ["status", "backup", "check", "snapshots", "volumes", "log"] },
  { ...none, users: ["alice"], jobs: ["etc"], allow: ["backup", "snapshots", "log", "cancel", "volumes"] },
  { ...none, groups: ["operators"], volumes: ["*"], allow: ["check", "backup", "runs", "cancel"] },
  { ...none, groups: ["wheel"], jobs: ["*"], allow: ["restore", "snapshots"] },
  { ...none, users: ["dora"], allow: ["doctor", "trust"] },
];

const people = {
  root: { uid: 0, name: "root", groups: [] },
  alice: { uid: 1000, name: "alice", groups: ["alice", "luksmith"] },
  olga: { uid: 1001, name: "olga", groups: ["luksmith", "operators"] },
  walt: { uid: 1002, name: "walt", groups: ["wheel", "luksmith"] },
  dora: { uid: 1003, name: "dora", groups: ["luksmith"] },
  // in no rule
  mallory: { uid: 1004, name: "mallory", groups: ["luksmith"] },
  // in a rule, but not in the socket's group
  outsider: { uid: 1005, name: "alice", groups: ["operators", "wheel"] },
  // a uid that the system has no name for
  nameless: { uid: 1006, name: "#1006", groups: [] },
} as const;

const home = { volume: "home", job: "home" };
const etc = { volume: "system", job: "etc" };

const table: readonly (readonly [keyof typeof people, AccessVerb, AccessTarget, boolean])[] = [
  // by volume, its jobs with it
  ["alice", "backup", home, true],
  ["alice", "backup", { volume: "home", job: "other" }, true],
  ["alice", "check", { volume: "home" }, true],
  // by job, its volume not with it
  ["alice", "backup", etc, true],
  ["alice", "backup", { volume: "system", job: "other" }, false],
  ["alice", "check", { volume: "system" }, false],
  ["alice", "check", etc, false],
  // a job of a user's is started by that user alone, whoever is granted it
  ["alice", "backup", { ...home, user: "alice" }, true],
  ["olga", "backup", { ...home, user: "alice" }, false],
  ["root", "backup", { ...home, user: "alice" }, true],
  ["mallory", "backup", { ...home, user: "mallory" }, false],
  ["alice", "snapshots", { ...home, user: "olga" }, true],
  // a verb that the rule does not name
  ["alice", "restore", home, false],
  ["alice", "create", { volume: "home" }, false],
  ["alice", "prune", etc, false],
  ["alice", "doctor", {}, false],
  // a job without its volume, a volume without its job, neither: nothing to judge by
  ["alice", "backup", { job: "home" }, false],
  ["alice", "backup", { job: "etc" }, false],
  ["alice", "backup", { volume: "home" }, false],
  ["alice", "backup", { volume: "", job: "" }, false],
  ["alice", "backup", {}, false],
  ["alice", "check", {}, false],
  ["alice", "check", { volume: "" }, false],
  ["olga", "backup", { volume: "", job: "x" }, false],
  ["olga", "check", {}, false],
  // names are compared whole
  ["alice", "check", { volume: "hom" }, false],
  ["alice", "check", { volume: "home2" }, false],
  ["alice", "check", { volume: "*" }, false],
  // listings: without a target anybody who may see some of it, with one only what is covered
  ["alice", "status", {}, true],
  ["alice", "status", home, true],
  ["alice", "status", etc, false],
  ["alice", "snapshots", {}, true],
  ["alice", "snapshots", { volume: "", job: "" }, true],
  ["alice", "snapshots", home, true],
  ["alice", "snapshots", etc, true],
  ["alice", "snapshots", { volume: "system" }, false],
  ["alice", "volumes", { volume: "home" }, true],
  ["alice", "volumes", { volume: "system" }, false],
  ["alice", "volumes", etc, false],
  ["walt", "status", {}, false],
  // by group, and for all
  ["olga", "check", { volume: "anything" }, true],
  ["olga", "backup", etc, true],
  ["olga", "restore", etc, false],
  ["walt", "restore", home, true],
  ["walt", "snapshots", home, true],
  ["walt", "snapshots", { volume: "home" }, false],
  ["walt", "backup", home, false],
  // what is about the whole agent
  ["dora", "doctor", {}, true],
  ["dora", "trust", {}, true],
  ["dora", "status", {}, false],
  // runs
  ["alice", "log", { volume: "home" }, true],
  ["alice", "log", home, true],
  ["alice", "log", etc, true],
  ["alice", "log", { volume: "system" }, false],
  ["alice", "log", {}, false],
  ["alice", "cancel", home, false],
  ["alice", "cancel", { ...home, startedBy: 1000 }, true],
  ["alice", "cancel", { volume: "gone", startedBy: 1000 }, true],
  ["alice", "runs", { volume: "gone", startedBy: 1000 }, true],
  ["alice", "log", { volume: "gone", startedBy: 1000 }, true],
  ["alice", "cancel", { ...home, startedBy: 1001 }, false],
  ["alice", "cancel", { ...home, startedBy: 0 }, false],
  ["alice", "restore", { ...home, startedBy: 1000 }, false],
  ["alice", "check", { volume: "system", startedBy: 1000 }, false],
  ["mallory", "log", { ...home, startedBy: 1004 }, true],
  ["outsider", "log", { ...home, startedBy: 1005 }, false],
  ["olga", "cancel", { volume: "gone" }, true],
  // nobody in particular
  ["mallory", "status", {}, false],
  ["mallory", "backup", home, false],
  ["outsider", "backup", home, false],
  ["outsider", "check", { volume: "home" }, false],
  ["outsider", "status", {}, false],
  ["nameless", "status", {}, false],
];

for (const [who, verb, target, expected] of table) {
  test(`${who} ${expected ? "may" : "may not"} ${verb} ${JSON.stringify(target)}`, () => {
    assert.equal(decide(people[who], verb, target, rules, "luksmith").allowed, expected);
  });
}

test("root may do everything, without any rule", () => {
  for (const verb of accessVerbNames)
    assert.deepEqual(decide(people.root, verb, {}, [], "luksmith"), {
      allowed: true,
      because: "root may do everything",
    });
});

test("without a rule, nobody else may do anything", () => {
  for (const verb of accessVerbNames) {
    for (const target of [{}, home, { volume: "home" }]) {
      assert.equal(decide(people.alice, verb, target, [], "luksmith").allowed, false, verb);
    }
  }
});

test("a refusal says why, and who can change it", () => {
  assert.deepEqual(decide(people.outsider, "backup", home, rules, "luksmith"), {
    allowed: false,
    reason: "alice is not in the group luksmith",
    hint: "root can change that: usermod -aG luksmith alice",
    because: "alice is not in the group luksmith, whose members alone may speak to the agent",
  });
  assert.deepEqual(decide(people.mallory, "backup", home, rules, "luksmith"), {
    allowed: false,
    reason: 'mallory may not use backup on job "home"',
    hint: "root can grant it: access in the agent's configuration",
    because: "no rule of access is for mallory or a group that mallory is in",
  });
});

const reasons: readonly (readonly [keyof typeof people, AccessVerb, AccessTarget, string])[] = [
  ["alice", "backup", home, "access[0] allows backup to the user alice on volume home"],
  ["alice", "backup", etc, "access[1] allows backup to the user alice on job etc"],
  ["olga", "backup", etc, "access[2] allows backup to the group operators on every volume"],
  ["walt", "restore", home, "access[3] allows restore to the group wheel on every job"],
  ["alice", "status", {}, "access[0] allows status to the user alice"],
  ["dora", "doctor", {}, "access[4] allows doctor to the user dora"],
  ["mallory", "log", { ...home, startedBy: 1004 }, "mallory started the run"],
  ["alice", "restore", home, "no rule that is for alice allows restore (they are access[0], access[1])"],
  [
    "alice",
    "backup",
    { volume: "system", job: "other" },
    'no rule that allows backup to alice covers job "other": access[0] is for the volumes home, access[1] is for the jobs etc',
  ],
  ["olga", "check", {}, "no rule that allows check to olga covers what was asked for: access[2] is for the volumes *"],
];

for (const [who, verb, target, because] of reasons) {
  test(`${who}, ${verb}: ${because}`, () => {
    assert.equal(decide(people[who], verb, target, rules, "luksmith").because, because);
  });
}

test("why somebody is refused tells of no name that their own rules do not", () => {
  for (const verb of accessVerbNames) {
    const decision = decide(people.alice, verb, { job: "secret", volume: "hidden" }, rules, "luksmith");
    assert.doesNotMatch(decision.because, /hidden|operators|wheel|dora/);
  }
});

test("a rule of a thousand names is explained in one line", () => {
  const volumes = Array.from({ length: 1000 }, (_, index) => `v${index}`);
  const many = [{ ...none, users: ["alice"], volumes, allow: ["check" as const] }];
  const { because } = decide(people.alice, "check", { volume: "x" }, many, "luksmith");
  assert.match(because, /the volumes v0, v1, v2, v3, v4 and 995 more$/);
});

test("what a caller sends is quoted in the refusal", () => {
  const decision = decide(people.mallory, "check", { volume: "x\nok\u001b[2J" }, rules, "luksmith");
  assert.ok(!decision.allowed);
  assert.equal(decision.reason, 'mallory may not use check on volume "x\\u{a}ok\\u{1b}[2J"');
});

test("who may speak to the agent at all", () => {
  assert.equal(admit(people.root, "luksmith").allowed, true);
  assert.equal(admit(people.mallory, "luksmith").allowed, true);
  assert.equal(admit(people.outsider, "luksmith").allowed, false);
  assert.equal(admit(people.outsider, "wheel").allowed, true);
  assert.equal(admit(people.nameless, "luksmith").allowed, false);
});
