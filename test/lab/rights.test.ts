/** Other users than root, whom the agent lets do what the rules grant and no more. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { cheapKdf, cli } from "./harness/lab-agent.ts";
import { Scene } from "./harness/scene.ts";

const run = promisify(execFile);
const source = "/srv/people";
const alice = { uid: 4001, gid: 4001 };
const bob = { uid: 4002, gid: 4002 };

async function makePeople(): Promise<void> {
  await run("groupadd", ["--force", "--system", "luksmith"]);
  for (const [name, { uid }] of Object.entries({ alice, bob })) {
    await run("useradd", ["--uid", `${uid}`, "--user-group", "--create-home", name]).catch(() => undefined);
  }
  await run("usermod", ["--append", "--groups", "luksmith", "alice"]);
  await mkdir(source, { recursive: true });
}

describe("people", () => {
  Scene.set({
    prepare: makePeople,
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${source}] }
  private: { volume: home, sources: [${source}] }
access:
  - { users: [alice], jobs: [docs], allow: [status, snapshots, ls, restore] }
`,
  });

  it("without rights are told why", async () => {
    const stranger = await cli(["status"], { as: bob });
    assert.equal(stranger.exitCode, 1);
    assert.match(stranger.stderr, /error: .*\nhint: .*usermod/);
    const refused = await cli(["backup", "docs"], { as: alice });
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /alice may not use backup/);
    const hidden = await cli(["ls", "private"], { as: alice });
    assert.equal(hidden.exitCode, 1);
  });
});
