import assert from "node:assert/strict";
import { test } from "node:test";
import { accessVerb, targetNamed } from "../../../agent/access/question.ts";
import { parseAgentConfig } from "../../../agent/config/agent-config.ts";
import type { LuksmithError } from "../../../common/errors.ts";

const config = parseAgentConfig(
  `
remotes: { vault: { host: vault.example.net, user: lm } }
volumes:
  home: { remote: vault, image: home.luks, size: 1G }
  system: { remote: vault, image: system.luks, size: 1G }
jobs:
  home: { volume: home, sources: [/home] }
  etc: { volume: system, sources: [/etc] }
`,
  "agent.yaml",
);

const meant: readonly (readonly [Parameters<typeof targetNamed>[1], string, object])[] = [
  ["backup", "etc", { job: "etc", volume: "system" }],
  ["backup", "home", { job: "home", volume: "home" }],
  ["check", "home", { volume: "home" }],
  ["volumes", "home", { volume: "home" }],
  ["snapshots", "home", { job: "home", volume: "home" }],
  ["snapshots", "system", { volume: "system" }],
  ["log", "system", { volume: "system" }],
  ["snapshots", "", {}],
  ["doctor", "", {}],
];

for (const [verb, name, target] of meant) {
  test(`${verb} ${name} is about ${JSON.stringify(target)}`, () => {
    assert.deepEqual(targetNamed(config, verb, name, "everything"), target);
    assert.deepEqual(targetNamed(config, verb, name, "own"), target);
  });
}

const refused: readonly (readonly [Parameters<typeof targetNamed>[1], string, string, RegExp])[] = [
  ["backup", "hone", "not_found", /did you mean "home"/],
  ["backup", "system", "not_found", /luksmith jobs/],
  ["check", "etc", "not_found", /the job's is system/],
  ["check", "sytem", "not_found", /did you mean "system"/],
  ["log", "nothing-like-it", "not_found", /known: home, etc, home, system|known: /],
  ["backup", "", "usage", /luksmith jobs/],
  ["check", "", "usage", /luksmith volume list/],
  ["doctor", "home", "usage", /leave the name out/],
];

for (const [verb, name, code, hint] of refused) {
  test(`${verb} ${name}: ${code}`, () => {
    assert.throws(
      () => targetNamed(config, verb, name, "everything"),
      (error: LuksmithError) => error.code === code && hint.test(error.hint ?? ""),
    );
  });
}

test("which names there are is not told to everybody", () => {
  assert.deepEqual(targetNamed(config, "backup", "hone", "own"), { job: "hone" });
  assert.deepEqual(targetNamed(config, "check", "etc", "own"), { volume: "etc" });
});

test("a verb that there is not", () => {
  assert.equal(accessVerb("restore"), "restore");
  assert.throws(() => accessVerb("restroe"), { code: "usage", hint: 'did you mean "restore"?' });
  assert.throws(() => accessVerb("constructor"), { code: "usage" });
});
