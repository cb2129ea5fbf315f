import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAgentConfig } from "../../../agent/config/agent-config.ts";
import { examineJobUsers } from "../../../agent/doctor/job-users.ts";
import { LuksmithError } from "../../../common/errors.ts";

const config = parseAgentConfig(
  `
remotes: { vault: { host: vault, user: u } }
volumes: { home: { remote: vault, image: home.luks, size: 64M } }
jobs:
  etc: { volume: home, sources: [/etc] }
  mine: { volume: home, user: alice, sources: [/home/alice] }
  gone: { volume: home, user: bob, sources: [/home/bob] }
  toor: { volume: home, user: toor, sources: [/root] }
  away: { volume: home, user: carol, sources: [/home/carol] }
`,
  "agent.yaml",
);

test("a job whose user is none, or is root, is told of", async () => {
  const ids = async (name: string) => {
    if (name === "carol") throw new LuksmithError("tool_failed", "getent failed");
    const uid = { alice: 1000, toor: 0 }[name];
    return uid === undefined ? undefined : { uid, gid: uid, groups: [uid] };
  };
  const findings = await examineJobUsers({ ids }, config);
  assert.deepEqual(
    findings.map(({ subject, message }) => `${subject}: ${message}`),
    [
      'job gone: there is no user "bob", whose job gone is',
      'job toor: the user "toor" of job toor is root',
      "job away: getent failed",
    ],
  );
  assert.match(findings[0]?.hint ?? "", /jobs\.gone\.user/);
});
