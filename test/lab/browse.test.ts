/** Looking through snapshots as through a directory: whom it lets in, what they can do there, and how it ends. */

import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, describe, it } from "node:test";
import { promisify } from "node:util";
import { systemClock } from "../../common/clock.ts";
import { waitUntil } from "../../common/wait-until.ts";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { cheapKdf, cli } from "./harness/lab-agent.ts";
import { assertNothingLeft } from "./harness/leak-check.ts";
import { assertDone, Scene } from "./harness/scene.ts";

const run = promisify(execFile);
const source = "/srv/people";
const people = { alice: { uid: 4001, gid: 4001 }, bob: { uid: 4002, gid: 4002 } };
const endMs = 60_000;

async function makePeople(): Promise<void> {
  await run("groupadd", ["--force", "--system", "luksmith"]);
  for (const [name, { uid }] of Object.entries(people)) {
    await run("useradd", ["--uid", `${uid}`, "--user-group", "--create-home", name]).catch(() => undefined);
    await run("usermod", ["--append", "--groups", "luksmith", name]);
    await mkdir(join(source, name), { recursive: true });
    await writeFile(join(source, name, "secret"), `${name}'s secret\n`, { mode: 0o600 });
    await run("chown", ["-R", `${name}:${name}`, join(source, name)]);
  }
  // whoever runs it is root, were it to count
  await run("cp", ["/usr/bin/id", join(source, "root-id")]);
  await chmod(join(source, "root-id"), 0o4755);
  await symlink("/etc/passwd", join(source, "out"));
}

/** @returns what the command said, and how it ended, as one of the people */
async function as(name: keyof typeof people, file: string, ...args: string[]): Promise<string> {
  const { uid, gid } = people[name];
  const command = ["--reuid", `${uid}`, "--regid", `${gid}`, "--init-groups", "--", file, ...args];
  const said = await run("setpriv", command, { cwd: "/" }).catch((error: { stdout: string; stderr: string }) => error);
  return `${said.stdout}${said.stderr}`;
}

describe("a browse", () => {
  const scene = Scene.set({
    prepare: makePeople,
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${source}] }
access:
  - { groups: [luksmith], jobs: [docs], allow: [status, browse] }
`,
    volumes: ["home"],
  });
  const shells: ChildProcess[] = [];
  after(() => shells.map((shell) => shell.kill("SIGKILL")));

  async function open(idle = "10m"): Promise<{ path: string; id: string }> {
    const opened = await cli(["browse", "docs", "--idle", idle, "--detach"], { as: people.alice });
    assert.equal(opened.exitCode, 0, opened.stderr);
    const [newest] = (await scene.agent.runs({ limit: 1 })).runs;
    assert.ok(newest);
    return { path: opened.stdout.toString().trimEnd(), id: newest.id };
  }

  /** Stands in the directory, as a shell does, and does not go when it is hung up. */
  async function standIn(path: string): Promise<ChildProcess> {
    const { uid, gid } = people.alice;
    const shell = spawn("sh", ["-c", "trap '' HUP TERM; echo there; while :; do sleep 1; done"], {
      cwd: path,
      uid,
      gid,
      stdio: ["ignore", "pipe", "ignore"],
    });
    shells.push(shell);
    await new Promise((resolve) => shell.stdout?.once("data", resolve));
    return shell;
  }

  async function assertGone(path: string): Promise<void> {
    assert.ok(!existsSync(dirname(path)), "its directory is gone");
    await assertNothingLeft();
  }

  it("shows a user what is theirs, and nobody else anything", async () => {
    assertDone(await scene.agent.backup("docs"));
    const { path, id } = await open();
    const [snapshot = ""] = (await readdir(path)).filter((name) => name !== "latest");
    const files = join(path, snapshot, source);
    assert.equal(await as("alice", "cat", join(files, "alice", "secret")), "alice's secret\n");
    assert.match(await as("alice", "cat", join(files, "bob", "secret")), /Permission denied/);
    assert.match(await as("alice", "stat", "-c", "%U %a", join(files, "bob", "secret")), /^bob 600/);
    // not even with the name of it, and although some of it is for everybody
    for (const inside of [dirname(path), path, join(files, "root-id")]) {
      assert.match(await as("bob", "ls", "-l", inside), /Permission denied/, inside);
    }
    assert.match(await as("alice", "chmod", "755", dirname(path)), /Read-only file system/);
    assert.match(await as("alice", "mkdir", join(dirname(path), "x")), /Read-only file system/);
    assert.match(await as("alice", "touch", join(files, "alice", "new")), /Read-only file system/);
    assert.match(await as("alice", join(files, "root-id")), /Permission denied|EACCES/);
    assert.match(await as("alice", "stat", "-c", "%a", join(files, "root-id")), /^4755/);
    assert.match(await as("alice", "cat", join(files, "out")), /Too many levels of symbolic links/);
    assert.match(await as("alice", "readlink", join(files, "out")), /^\/etc\/passwd/);

    await assert.rejects(scene.agent.startBackup("docs"), {
      code: "locked",
      hint: "to end it: luksmith browse --end docs",
    });
    const notHis = await cli(["browse", "--end", "docs"], { as: people.bob });
    assert.equal(notHis.exitCode, 1);
    assert.match(notHis.stderr, /bob may not use cancel/);

    const shell = await standIn(join(files, "alice"));
    const ended = await cli(["browse", "--end"], { as: people.alice });
    assert.equal(ended.exitCode, 0, ended.stderr);
    assert.equal((await scene.agent.follow(id)).run.state, RunState.DONE);
    assert.ok(await waitUntil(systemClock, endMs, () => shell.signalCode === "SIGKILL"), "who stood in it was ended");
    await assertGone(path);
  });

  it("ends when nobody has used it for a while, and not while somebody does", async () => {
    const { path, id } = await open("2s");
    const shell = await standIn(path);
    // the condition that must not come: it is given twice the time, and a run that ended would say so at once
    const ended = scene.agent.follow(id);
    const early = await Promise.race([ended.then(() => true), systemClock.sleep(4000).then(() => false)]);
    assert.equal(early, false, "somebody stands in it");
    shell.kill("SIGKILL");
    const { run } = await ended;
    assert.equal(run.state, RunState.DONE);
    assert.match(run.summary, /nobody used it for 2/);
    await assertGone(path);
  });

  it("ends when it is cancelled, and with the agent, whoever is in it", async () => {
    const first = await open();
    await standIn(first.path);
    await scene.agent.cancel(first.id);
    assert.equal((await scene.agent.follow(first.id)).run.state, RunState.CANCELLED);
    await assertGone(first.path);

    const second = await open();
    await standIn(second.path);
    assert.equal(await scene.agent.stop(), 0);
    await assertGone(second.path);

    await scene.startAgent();
    const third = await open();
    await standIn(third.path);
    await scene.agent.stop("SIGKILL");
    await scene.startAgent();
    await assertGone(third.path);
  });
});
