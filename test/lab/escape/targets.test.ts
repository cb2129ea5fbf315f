/** Restores by somebody, or into the hands of somebody, who wants them to write where they must not. */

import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { promisify } from "node:util";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { hangingFilesystem } from "../harness/hanging-filesystem.ts";
import { cheapKdf, cli } from "../harness/lab-agent.ts";
import { assertDone, Scene } from "../harness/scene.ts";
import { until } from "../harness/until.ts";
import { as, ask, bytes, fingerprint, makePeople, people, source, start, startProgram } from "./people.ts";

const run = promisify(execFile);
const home = "/home/alice";
/** A file system of hers that never answers. */
const hung = `${home}/hung`;
/** Where nobody but root may write, and where bob may. */
const victims = ["/etc/victim", "/root/victim", "/home/bob"];
const many = Array.from({ length: 40 }, (_, index) => `d${index}`);

async function prepare(): Promise<void> {
  await makePeople();
  for (const victim of victims) await mkdir(victim, { recursive: true });
  for (const name of many) {
    const directory = join(source, "alice", name);
    await mkdir(directory);
    for (let file = 0; file < 5; file += 1) await writeFile(join(directory, `f${file}`), `${name}\n`, { mode: 0o644 });
  }
  await run("chown", ["-R", "alice:alice", join(source, "alice")]);
  // what alice's own directory had of root's when the backup was made
  await writeFile(join(source, "alice", "d0", "roots"), "root's\n", { mode: 0o600 });
  await symlink("/etc", join(home, "to-etc"));
  await symlink("/etc/victim", join(home, "to-victim"));
}

describe("a restore", () => {
  const scene = Scene.set({
    prepare,
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${source}] }
  slow: { volume: home, sources: [${hung}/source] }
  hung: { volume: home, sources: [${source}], before: [[${hung}/hook]] }
  hooked: { volume: home, sources: [${source}], before: [[${home}/bin/hook]] }
access:
  - { users: [alice], jobs: [docs, hooked, hung], allow: [status, snapshots, ls, restore, backup] }
`,
    volumes: ["home"],
  });
  const started: ChildProcess[] = [];
  after(() => started.map((child) => child.kill("SIGKILL")));

  it("by a user goes nowhere that they could not write by themselves", async () => {
    assertDone(await scene.agent.backup("docs"));
    const held = await start("alice", "sh", "-c", "exec 7</etc/victim; echo there; exec cat");
    started.push(held);
    const before = await fingerprint(...victims, "/etc", "/home/bob");
    const restore = (target: string | Buffer, more: Record<string, unknown> = {}) => ({
      method: "restore",
      request: { job: "docs", target: bytes(target), paths: [bytes(join(source, "alice", "open"))], ...more },
      follow: true,
    });
    const refused = [
      "",
      "relative",
      "-rf",
      "--help",
      `${home}/a\nb`,
      `${home}/a\0b`,
      Buffer.from([...Buffer.from(`${home}/`), 0xff, 0xfe]),
    ];
    const wanted = [`${source}/../../etc/shadow`, "../../../etc/shadow", "a\0b", "x".repeat(5000)];
    const failing = [
      "/etc/victim/x",
      `${home}/to-etc/x`,
      `${home}/../../proc/${held.pid}/fd/7/x`,
      `/proc/${scene.agent.pid}/root/etc/victim`,
    ];
    const answers = await ask("alice", [
      ...refused.map((target) => restore(target)),
      ...wanted.map((path) => restore(`${home}/fine`, { paths: [bytes(path)] })),
      ...failing.map((target) => restore(target, { overwrite: true })),
      restore(`${home}/--delete`),
    ]);
    const early = answers.splice(0, refused.length + wanted.length);
    assert.deepEqual(
      early.map(({ code, responses }) => [code, responses.length]),
      early.map(() => ["usage", 0]),
    );
    const fine = answers.pop();
    assert.equal(fine?.ended?.state, RunState.DONE, "a name that looks like an option is a name");
    answers.forEach(({ ended }, index) => {
      const isNothing = ended?.state === RunState.FAILED || ended?.state === RunState.INCOMPLETE;
      assert.ok(isNothing, `${failing[index]?.slice(0, 80)}: ${JSON.stringify(ended)}`);
    });
    assert.deepEqual(await readdir(`${home}/--delete`), ["srv"]);
    assert.equal(await fingerprint(...victims, "/etc", "/home/bob"), before);
    const audited = (await cli(["audit", "--user", "alice", "--verb", "restore", "--all", "--json"])).stdout.toString();
    const decisions = audited
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).decision);
    assert.equal(decisions.filter((decision) => decision === "allowed").length, early.length + answers.length + 1);
    assert.equal((await scene.agent.status()).running.length, 0);
  });

  it("by a user is not turned by links that are exchanged while it goes on, nor by mounts and hard links of theirs", async () => {
    await run("sysctl", ["-q", "-w", "fs.protected_hardlinks=0", "fs.protected_symlinks=0"]);
    // a hard link to a file of root's in the place of one that is restored
    const target = join(home, "raced");
    const place = join(target, source, "alice");
    await as("alice", "mkdir", "-p", place);
    assert.equal(await as("alice", "ln", "/etc/hostname", join(place, "open")), "");
    // from now on: to be linked to has changed the file's inode, where the root is an overlay
    const before = await fingerprint(...victims, "/etc");
    const swap = await startProgram("alice", "swap", "/etc/victim", ...many.map((name) => join(place, name)));
    started.push(swap);
    const rounds = once(swap.stdout ?? swap, "data");
    const [answer] = await ask("alice", [
      { method: "restore", request: { job: "docs", target: bytes(target), overwrite: true }, follow: true },
    ]);
    assert.notEqual(answer?.ended, undefined, JSON.stringify(answer));
    swap.stdin?.end();
    const [count] = await rounds;
    console.log(`exchanged ${String(count).trim()} times`);
    assert.ok(Number(count) > 300, `exchanged ${count} times`);
    assert.equal(await fingerprint(...victims, "/etc"), before);
  });

  it("by root into a directory of somebody else's writes nothing behind links that are exchanged meanwhile", async () => {
    await rm(join(home, "raced"), { recursive: true });
    const target = join(home, "raced");
    const place = join(target, source, "alice");
    await as("alice", "mkdir", "-p", place);
    await chmod("/root/victim", 0o755);
    const before = await fingerprint(...victims, "/etc");
    const swap = await startProgram("alice", "swap", "/root/victim", ...many.map((name) => join(place, name)));
    started.push(swap);
    const rounds = once(swap.stdout ?? swap, "data");
    for (let round = 0; round < 2; round += 1) {
      const { run: ended } = await scene.agent.restore("docs", target, {
        overwrite: true,
        paths: [Buffer.from(`${source}/alice`)],
      });
      assert.ok(
        ended.state === RunState.DONE || ended.state === RunState.INCOMPLETE || ended.state === RunState.FAILED,
      );
    }
    swap.stdin?.end();
    const [count] = await rounds;
    console.log(`exchanged ${String(count).trim()} times`);
    assert.ok(Number(count) > 300, `exchanged ${count} times`);
    assert.equal(await fingerprint(...victims, "/etc"), before);

    // the target itself
    await rm(target, { recursive: true });
    await symlink("/root/victim", target);
    await run("chown", ["-h", "alice:alice", target]);
    const typed = await cli(["restore", "docs", "--to", target, `${source}/alice/open`]);
    assert.equal(typed.exitCode, 2, typed.stderr);
    assert.match(
      typed.stderr,
      /the link \/home\/alice\/raced can be changed by others than root\nhint: .*\/root\/victim/,
    );
    assert.equal(await fingerprint(...victims, "/etc"), before);

    // and without anybody in the way it does what it should
    await rm(target);
    assertDone(await scene.agent.restore("docs", target));
    assert.equal((await readdir(join(place, "d7"))).length, 5);
    const at = `${target}-new/deep/er`;
    assertDone(await scene.agent.restore("docs", at, { paths: [Buffer.from(`${source}/alice/open`)] }));
    assert.deepEqual(await readdir(join(at, source, "alice")), ["open"]);
  });

  it("into what others have mounted, or with file systems below it, goes where it should", async () => {
    const target = join(home, "with-mounts");
    const below = join(target, source, "alice", "d3");
    await mkdir(below, { recursive: true });
    await run("mount", ["-t", "tmpfs", "-o", "nosuid,noexec", "tmpfs", below]);
    try {
      assertDone(await scene.agent.restore("docs", target, { overwrite: true }));
      assert.equal((await readdir(below)).length, 5);
    } finally {
      await run("umount", [below]);
    }
    assert.deepEqual(await readdir(below), [], "it went into what is mounted there");
  });

  it("and its job's hooks run nothing that others than root could have put there", async () => {
    await mkdir(`${home}/bin`);
    await writeFile(`${home}/bin/hook`, "#!/bin/sh\nid > /root/victim/proof\n", { mode: 0o755 });
    await chown(`${home}/bin`, people.alice.uid, people.alice.gid);
    const [answer] = await ask("alice", [{ method: "backup", request: { job: "hooked" }, follow: true }]);
    assert.equal(answer?.ended?.error?.code, "hook_failed", JSON.stringify(answer));
    assert.match(answer?.ended?.error?.message ?? "", /others can change \/home\/alice/);
    assert.deepEqual(await readdir("/root/victim"), []);
    // nor what they could put there when it has been looked for
    await rm(`${home}/bin/hook`);
    const [missing] = await ask("alice", [{ method: "backup", request: { job: "hooked" }, follow: true }]);
    assert.match(missing?.ended?.error?.message ?? "", /others can change \/home\/alice/);
  });

  it("into what never answers, and a backup of it or with a hook in it, keeps the agent from nothing", async () => {
    const hanging = await hangingFilesystem(hung, people.alice, { isForAll: true });
    const byAlice = async (method: string, request: unknown) => {
      const [answer] = await ask("alice", [{ method, request }]);
      const [begun] = (answer?.responses ?? []) as { run?: { id: string } }[];
      return begun?.run?.id ?? assert.fail(JSON.stringify(answer));
    };
    try {
      const begin = {
        "root's target": () => scene.agent.startRestore("docs", `${hung}/b`),
        "a source": async () => (await scene.agent.startBackup("slow")).run?.id ?? "",
        "a hook": () => byAlice("backup", { job: "hung" }),
        // which may be the end of that file system
        "her target": () => byAlice("restore", { job: "docs", target: bytes(`${hung}/a`) }),
      };
      for (const [what, start] of Object.entries(begin)) {
        const before = hanging.timesAsked();
        const id = await start();
        await until(async () => hanging.timesAsked() > before, `${what} to be looked at`);
        assert.equal((await scene.agent.status()).running.length, 1, what);
        await scene.agent.cancel(id);
        const { run: ended } = await scene.agent.follow(id);
        assert.equal(ended.state, RunState.CANCELLED, `${what}: ${ended.error?.message}`);
      }
      assertDone(await scene.agent.backup("docs"));
    } finally {
      await hanging.end();
    }
  });
});
