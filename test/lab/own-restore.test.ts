/** A restore by another user than root, with that user's rights. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { cheapKdf, cli } from "./harness/lab-agent.ts";
import { assertDone, Scene } from "./harness/scene.ts";

const run = promisify(execFile);
const source = "/srv/people";
const alice = { uid: 4001, gid: 4001 };

async function makeAlice(): Promise<void> {
  await run("groupadd", ["--force", "--system", "luksmith"]);
  await run("useradd", ["--uid", `${alice.uid}`, "--user-group", "--create-home", "alice"]).catch(() => undefined);
  await run("usermod", ["--append", "--groups", "luksmith", "alice"]);
  await mkdir(join(source, "alice"), { recursive: true });
  await writeFile(join(source, "alice", "notes"), "alice's notes\n", { mode: 0o600 });
  await writeFile(join(source, "secret"), "root's secret\n", { mode: 0o600 });
  await run("chown", ["-R", "alice:alice", join(source, "alice")]);
}

describe("people", () => {
  const scene = Scene.set({
    prepare: makeAlice,
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${source}] }
access:
  - { users: [alice], jobs: [docs], allow: [status, snapshots, ls, restore] }
`,
    volumes: ["home"],
  });

  it("with rights restore as themselves: their own files, and nobody else's", async () => {
    assertDone(await scene.agent.backup("docs"));
    const to = "/home/alice/restored";
    await rm(to, { recursive: true, force: true });
    const own = await cli(["restore", "docs", "--to", to, join(source, "alice")], { as: alice });
    assert.equal(own.exitCode, 0, own.stderr);
    const notes = await stat(join(to, source, "alice", "notes"));
    assert.deepEqual([notes.uid, notes.size], [alice.uid, 14]);
    const secret = await cli(["restore", "docs", "--to", to, join(source, "secret")], { as: alice });
    assert.equal(secret.exitCode, 3, secret.stderr);
    await assert.rejects(stat(join(to, source, "secret")), /ENOENT/);
    const etc = await cli(["restore", "docs", "--to", "/etc/luksmith/alice", join(source, "alice")], { as: alice });
    assert.notEqual(etc.exitCode, 0);
    await assert.rejects(stat("/etc/luksmith/alice"), /ENOENT/);
  });
});
