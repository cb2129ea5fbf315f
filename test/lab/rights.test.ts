/** Other users than root, whom the agent lets do what the rules grant and no more. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { cheapKdf, cli, stateDir } from "./harness/lab-agent.ts";
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
  const scene = Scene.set({
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
    volumes: ["home"],
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

  it("have it explained what they may do, and nobody else does but root", async () => {
    const mine = await cli(["access", "check", "alice", "restore", "docs"], { as: alice });
    assert.equal(mine.exitCode, 0, mine.stderr);
    assert.equal(mine.stdout.toString(), "allowed: access[0] allows restore to the user alice on job docs\n");
    const others = await cli(["access", "check", "root", "restore", "docs"], { as: alice });
    assert.equal(others.exitCode, 1);
    assert.match(others.stderr, /only root may ask what others may do/);
    const asRoot = await cli(["access", "check", "bob", "restore", "docs", "--json"]);
    assert.equal(asRoot.exitCode, 1);
    assert.match(asRoot.stdout.toString(), /"allowed":false,"reason":"bob is not in the group luksmith/);
    const unknown = await cli(["access", "check", "alcie", "restore", "docs"]);
    assert.equal(unknown.exitCode, 10);
    assert.match(unknown.stderr, /did you mean "alice"/);
  });

  it("leave a trace of all that they asked for, which they cannot read", async () => {
    const listing = await cli(["snapshots", "docs"], { as: alice });
    assert.equal(listing.exitCode, 0, listing.stderr);
    const denied = await cli(["audit"], { as: alice });
    assert.equal(denied.exitCode, 1);
    const file = await stat(join(stateDir, "audit", "audit.jsonl"));
    assert.deepEqual([file.uid, file.mode & 0o777], [0, 0o600]);

    const read = await cli(["audit", "--user", "alice", "--json"]);
    const lines = read.stdout
      .toString()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const [run] = (await scene.agent.runs()).runs;
    const newest = lines.slice(-3);
    assert.deepEqual(
      newest.map(({ decision, uid, verb, job }) => [decision, uid, verb, job]),
      [
        ["allowed", alice.uid, "snapshots", "docs"],
        ["started", alice.uid, "snapshots", "docs"],
        ["refused", alice.uid, "audit", null],
      ],
    );
    assert.ok(run);
    assert.equal(newest[1]?.run, run.id);
    assert.equal(newest[1]?.id, newest[0]?.id);
    assert.ok(newest[0]?.pid > 0);
    assert.ok(lines.some(({ decision, verb, job }) => decision === "refused" && verb === "backup" && job === "docs"));
    assert.ok(lines.some(({ decision, verb, job }) => decision === "refused" && verb === "ls" && job === "private"));
  });

  it("are not served while that cannot be written; root is", async () => {
    const place = join(stateDir, "audit");
    await run("mount", ["-t", "tmpfs", "-o", "size=4k", "tmpfs", place]);
    try {
      await run("dd", ["if=/dev/zero", `of=${join(place, "full")}`, "bs=4096", "count=1"]);
      const refused = await cli(["status"], { as: alice });
      assert.equal(refused.exitCode, 1);
      assert.match(refused.stderr, /cannot be written down: only root is served/);
      const { findings } = await scene.agent.doctor({});
      const finding = findings.find(({ subject }) => subject === "audit log");
      assert.match(finding?.message ?? "", /ENOSPC/);
    } finally {
      // the agent has a file open there, and notices that it is no longer in its place
      await run("umount", ["--lazy", place]);
    }
    const served = await cli(["status"], { as: alice });
    assert.equal(served.exitCode, 0, served.stderr);
  });
});
