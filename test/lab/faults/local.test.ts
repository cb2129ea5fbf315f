/** Trouble on the machine itself. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { endlessFiles, endlessSource, makeEndlessSource } from "../harness/endless-backup.ts";
import { cheapKdf, stateDir } from "../harness/lab-agent.ts";
import { assertDone, Scene } from "../harness/scene.ts";

const run = promisify(execFile);

async function prepare(): Promise<void> {
  await makeEndlessSource();
  await writeFile("/tmp/never-ends", "#!/bin/sh\nsleep 601 & sleep 602\n", { mode: 0o755 });
  await writeFile("/tmp/forks-away", "#!/bin/sh\nsetsid sleep 603 &\nexit 0\n", { mode: 0o755 });
}

describe("on a machine", () => {
  const scene = Scene.set({
    prepare,
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${endlessSource}] }
  never-ends: { volume: home, sources: [${endlessSource}], before: [/tmp/never-ends], hookTimeout: 2s }
  forks-away: { volume: home, sources: [${endlessSource}], before: [/tmp/forks-away] }
`,
    volumes: ["home"],
  });
  const failedWith = async (job: string) => {
    const { run: ended } = await scene.agent.backup(job);
    assert.equal(ended.state, RunState.FAILED);
    return ended.error;
  };
  const isRunning = async (args: string) =>
    await run("pgrep", ["-f", `^${args}$`]).then(
      () => true,
      () => false,
    );

  it("whose state directory is read-only, nothing is written, and everything can be read", async () => {
    assertDone(await scene.agent.backup("docs"));
    await run("mount", ["--bind", stateDir, stateDir]);
    await run("mount", ["-o", "remount,bind,ro", stateDir]);
    try {
      const error = await failedWith("docs");
      assert.match(error?.message ?? "", /the state directory \/var\/lib\/luksmith cannot be written to/);
      assertDone(await scene.agent.verify("docs"));
      assertDone(await scene.agent.restore("docs", "/tmp/restored-read-only"));
    } finally {
      await run("umount", [stateDir]);
    }
    assertDone(await scene.agent.backup("docs"));
  });

  it("whose state directory is full, the same", async () => {
    await run("mount", ["-t", "tmpfs", "-o", "size=32M,mode=700", "tmpfs", "/mnt"]);
    await run("cp", ["-a", `${stateDir}/.`, "/mnt/"]);
    await run("dd", ["if=/dev/zero", "of=/mnt/ballast", "bs=4k"]).catch(() => undefined);
    await run("mount", ["--bind", "/mnt", stateDir]);
    try {
      const error = await failedWith("docs");
      assert.equal(error?.code, "full", error?.message);
      assert.match(error?.message ?? "", /the state directory \/var\/lib\/luksmith is full/);
      assertDone(await scene.agent.verify("docs"));
    } finally {
      // the audit log is open there, until the next line
      await run("umount", ["--lazy", stateDir]);
      await run("umount", ["--lazy", "/mnt"]);
    }
    assertDone(await scene.agent.backup("docs"));
  });

  it("that has no loop device left, the run says so", async () => {
    // nobody can make another one, and those there are have something to do
    await run("mount", ["--bind", "/dev/null", "/dev/loop-control"]);
    const idle = "/tmp/idle-loop";
    await writeFile(idle, Buffer.alloc(4096));
    const taken: string[] = [];
    try {
      for (let found = await freeLoop(); found !== undefined; found = await freeLoop()) {
        await run("losetup", [found, idle]);
        taken.push(found);
      }
      const error = await failedWith("docs");
      assert.match(error?.message ?? "", /there is no loop device left/);
    } finally {
      await run("umount", ["/dev/loop-control"]);
      for (const loop of taken) await run("losetup", ["--detach", loop]);
    }
    assertDone(await scene.agent.backup("docs"));
  });

  it("whose agent is out of file descriptors, the run fails, and the next one cleans up and works", async () => {
    const { agent } = scene;
    const { run: started } = await agent.startBackup("docs");
    const limit = async (files: number) => run("prlimit", ["--pid", `${agent.pid}`, `--nofile=${files}:8192`]);
    const followed = agent.follow(started?.id ?? "", ({ kind }) => {
      if (kind?.$case !== "stepBegan" || kind.value.step !== "mount") return;
      void readdir(`/proc/${agent.pid}/fd`).then((open) => limit(open.length));
    });
    const { run: ended } = await followed;
    await limit(8192);
    assert.equal(ended.state, RunState.FAILED, ended.error?.message);
    assertDone(await agent.backup("docs"));
    const verified = await agent.verify("docs");
    assertDone(verified);
    assert.equal(verified.run.totals?.filesEqual, endlessFiles);
  });

  it("a hook that never ends is ended, with what it has started", async () => {
    const error = await failedWith("never-ends");
    assert.equal(error?.code, "hook_failed");
    assert.match(error?.message ?? "", /did not end within 2 s/);
    for (const sleep of ["sleep 601", "sleep 602"]) assert.equal(await isRunning(sleep), false, sleep);
  });

  it("a hook that leaves something running does not keep the backup waiting", async () => {
    assertDone(await scene.agent.backup("forks-away"));
    assert.equal(await isRunning("sleep 603"), true);
    await run("pkill", ["-f", "^sleep 603$"]);
  });

  it("the clock may jump by hours in either direction", async () => {
    const jump = (by: string) => run("date", ["--set", by]);
    for (const [there, back] of [
      ["+7 hours", "-7 hours"],
      ["-9 hours", "+9 hours"],
    ] as const) {
      const { run: started } = await scene.agent.startBackup("docs");
      const { run: ended } = await scene.agent.follow(started?.id ?? "", ({ kind }) => {
        if (kind?.$case === "stepBegan" && kind.value.step === "mount") void jump(there);
      });
      assert.equal(ended.state, RunState.DONE, ended.error?.message);
      assertDone(await scene.agent.backup("docs"));
      await jump(back);
    }
    assertDone(await scene.agent.backup("docs"));
    const snapshots = await scene.agent.snapshots("docs");
    // by name: the first and the last of those that were made while the clock was wrong
    for (const { name } of [snapshots[0], snapshots.at(-1)].flatMap((snapshot) => snapshot ?? [])) {
      assertDone(await scene.agent.verify("docs", { snapshot: name }));
    }
  });

  it("what is left attached is released by the doctor, and what is not ours is named", async () => {
    const { agent } = scene;
    const leftover = "/run/luksmith/volumes/home/files";
    await run("mkdir", ["-p", leftover, "/run/luksmith/volumes/stranger/here"]);
    await run("dmsetup", ["create", "luksmith-home.image", "--table", "0 8192 zero"]);
    await run("mount", ["-t", "tmpfs", "stranger", "/run/luksmith/volumes/stranger/here"]);
    const found = (await agent.doctor({})).findings.filter(({ subject }) => subject === "leftovers");
    assert.match(
      found.map(({ message }) => message).join("\n"),
      /volume home is partly attached although no run uses it/,
    );
    const fixed = (await agent.doctor({ fix: true })).findings.filter(({ subject }) => subject === "leftovers");
    const said = fixed.map(({ message }) => message).join("\n");
    assert.match(said, /volume home was partly attached although no run used it: released/);
    assert.match(said, /volumes\/stranger\/here \(tmpfs, from stranger\) is not of luksmith's making/);
    assert.equal(existsSync(leftover), false);
    assert.match(await readFile("/proc/self/mountinfo", "utf8"), /volumes\/stranger\/here/);
    await run("umount", ["/run/luksmith/volumes/stranger/here"]);
    await run("rmdir", ["/run/luksmith/volumes/stranger/here", "/run/luksmith/volumes/stranger"]);
    assertDone(await agent.backup("docs"));
  });
});

async function freeLoop(): Promise<string | undefined> {
  return run("losetup", ["--find"]).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
}
