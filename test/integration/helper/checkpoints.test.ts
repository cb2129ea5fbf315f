/** Checkpoints on a file system with reflinks: how many there may be, of what, and what a killed helper or a wrong clock leaves. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { systemClock } from "../../../common/clock.ts";
import { timeName } from "../../../common/time-name.ts";
import { askHelper } from "../../lab/harness/lab-helper.ts";
import { until } from "../../lab/harness/until.ts";
import { rootOnly } from "../tools/scratch.ts";
import { HelperScene, image, machine, mebi, openRequest } from "./helper-scene.ts";

function canMount(type: string) {
  if (rootOnly.skip !== undefined) return rootOnly;
  const isKnown = readFileSync("/proc/filesystems", "utf8").includes(`\t${type}\n`);
  return isKnown ? {} : { skip: `needs ${type} in this kernel` };
}

const reflinks = {
  btrfs: ["mkfs.btrfs", "--quiet"],
  xfs: ["mkfs.xfs", "-q", "-m", "reflink=1"],
} as const;

function run(...[file = "", ...args]: readonly string[]): void {
  const { status, stderr } = spawnSync(file, args);
  assert.equal(status, 0, `${file} ${args.join(" ")}: ${stderr}`);
}

/** Both the machine's directory and the checkpoints on one file system, which has reflinks unless it is tmpfs. */
class CheckpointScene extends HelperScene {
  constructor(context: TestContext, settings = "", type: keyof typeof reflinks | "tmpfs" = "btrfs") {
    const mounted: string[] = [];
    // before the scene's own end, which would otherwise meet a mount
    context.after(() => {
      for (const path of mounted) run("umount", path);
    });
    super(context, {});
    const storage = join(this.path, "storage");
    mkdirSync(storage);
    if (type === "tmpfs") {
      run("mount", "-t", type, type, storage);
    } else {
      const disk = join(this.path, "disk");
      // the least that mkfs.xfs(8) takes
      run("truncate", "--size=300M", disk);
      run(...reflinks[type], disk);
      run("mount", "-o", "loop", disk, storage);
    }
    mounted.push(storage);
    mkdirSync(join(storage, "machine/images"), { recursive: true });
    for (const directory of ["machine", "machine/images"])
      chownSync(join(storage, directory), machine.uid, machine.gid);
    const config = readFileSync(this.caller.configPath, "utf8")
      .replace(`${this.path}/${machine.name},`, `${storage}/machine,`)
      .concat(`checkpoints: { directory: ${this.checkpoints}, every: 1s, minAge: 0s, ${settings} }\n`);
    writeFileSync(this.caller.configPath, config);
  }

  override at(path: string): string {
    return join(this.path, "storage/machine", path);
  }

  get checkpoints(): string {
    return join(this.path, "storage/checkpoints");
  }

  of(name = image): string {
    return join(this.checkpoints, machine.name, encodeURIComponent(name));
  }

  restore(name: string) {
    const { configPath } = this.caller;
    return askHelper({ configPath }, ["checkpoints", "restore", machine.name, image, name]);
  }
}

const nextSecond = async () => {
  const second = Math.floor(Date.now() / 1000);
  await until(async () => Math.floor(Date.now() / 1000) > second + 1, "a second has passed");
};

describe("checkpoints without reflinks", rootOnly, () => {
  it("are refused, and what was prepared for them is gone again", async (t) => {
    const scene = new CheckpointScene(t, "", "tmpfs");
    scene.writeImage();
    await using helper = await scene.start();
    await assert.rejects(helper.call("createCheckpoint", { image }), { code: "refused" });
    assert.deepEqual(readdirSync(scene.checkpoints), [".lock"]);
  });
});

describe("checkpoints", { ...canMount("btrfs"), concurrency: 3 }, () => {
  it("are made one at a time, whoever asks, and never over one that is there", async (t) => {
    const scene = new CheckpointScene(t);
    scene.writeImage();
    await using one = await scene.start();
    await using two = await scene.start();
    const asked = await Promise.allSettled(
      Array.from({ length: 6 }, (_, index) => (index % 2 === 0 ? one : two).call("createCheckpoint", { image })),
    );
    const made = asked.filter(({ status }) => status === "fulfilled").length;
    const codes = asked.flatMap((result) => (result.status === "rejected" ? [result.reason.code] : []));
    assert.ok(made >= 1, codes.join());
    assert.ok(
      codes.every((code) => code === "exists" || code === "locked"),
      codes.join(),
    );
    const { checkpoints } = await one.call("listCheckpoints", { image });
    assert.equal(checkpoints.length, made);
    assert.deepEqual([statSync(scene.checkpoints).mode & 0o777, statSync(scene.of()).uid], [0o700, 0]);
  });

  it("that a killed helper has not finished are removed by the next, and strays are nobody's", async (t) => {
    const scene = new CheckpointScene(t);
    scene.writeImage();
    scene.writeImage("images/other.luks");
    await using helper = await scene.start();
    await helper.call("createCheckpoint", { image: "images/other.luks" });
    writeFileSync(join(scene.of("images/other.luks"), ".new-2026-11-23T02-00-00Z"), "");
    writeFileSync(join(scene.checkpoints, ".new-trial"), "");
    writeFileSync(join(scene.checkpoints, "notes"), "");
    writeFileSync(join(scene.checkpoints, machine.name, "%zz"), "");
    writeFileSync(join(scene.of("images/other.luks"), "README"), "");
    const can = await helper.call("probe", { version: "0.1.0", triesStorage: true });
    assert.deepEqual([can.makesCheckpoints, can.noCheckpointsReason], [true, ""]);
    await helper.call("createCheckpoint", { image });
    assert.equal(existsSync(join(scene.checkpoints, ".new-trial")), false);
    assert.deepEqual(
      readdirSync(scene.of("images/other.luks")).filter((name) => name.startsWith(".")),
      [],
    );
    const { configPath } = scene.caller;
    const listed = await askHelper({ configPath }, ["checkpoints", "list", "--json"]);
    assert.equal(listed.exitCode, 0, listed.stderr);
    assert.equal(listed.stdout.trim().split("\n").length, 2);
  });

  it("are of no more images than there may be, of which a machine can think of any number", async (t) => {
    const scene = new CheckpointScene(t, "maxImages: 2");
    await using helper = await scene.start();
    for (const name of ["a", "b", "c"]) scene.writeImage(`images/${name}.luks`);
    await helper.call("createCheckpoint", { image: "images/a.luks" });
    await helper.call("createCheckpoint", { image: "images/b.luks" });
    await assert.rejects(helper.call("createCheckpoint", { image: "images/c.luks" }), { code: "full" });
    await nextSecond();
    await helper.call("createCheckpoint", { image: "images/a.luks" });
    const long = Array.from({ length: 3 }, (_, part) => `${part}`.repeat(120));
    run("mkdir", "--parents", scene.at(long.slice(0, -1).join("/")));
    run("chown", "--recursive", `${machine.uid}`, scene.at(long[0] ?? ""));
    scene.writeImage(long.join("/"));
    await assert.rejects(helper.call("createCheckpoint", { image: long.join("/") }), { code: "usage" });
  });

  it("from a clock that was ahead stay, and keep nobody from making others", async (t) => {
    const scene = new CheckpointScene(t, "keep: { last: 1, daily: 0, weekly: 0, monthly: 0 }");
    scene.writeImage();
    await using helper = await scene.start();
    await helper.call("createCheckpoint", { image });
    const ahead = timeName(new Date(Date.now() + 10 * 365 * 86_400_000));
    writeFileSync(join(scene.of(), ahead), "");
    await nextSecond();
    const { checkpoint } = await helper.call("createCheckpoint", { image });
    const { checkpoints } = await helper.call("listCheckpoints", { image });
    const names = checkpoints.map(({ name }) => name);
    assert.ok(names.includes(ahead) && names.includes(checkpoint?.name ?? ""), names.join());
  });

  it("are of no image that somebody has", async (t) => {
    const scene = new CheckpointScene(t);
    scene.writeImage();
    await using helper = await scene.start();
    const opened = await helper.call("openExport", openRequest());
    await assert.rejects(helper.call("createCheckpoint", { image }), { code: "locked" });
    await helper.call("closeExport", { export: opened.export });
    writeFileSync(scene.at(`${image}.lease`), "");
    chownSync(scene.at(`${image}.lease`), machine.uid, machine.gid);
    await assert.rejects(helper.call("createCheckpoint", { image }), { code: "locked" });
  });

  const comeBack = (type: keyof typeof reflinks) => async (t: TestContext) => {
    const scene = new CheckpointScene(t, "", type);
    scene.writeImage();
    await using helper = await scene.start();
    const { checkpoint } = await helper.call("createCheckpoint", { image });
    const name = checkpoint?.name ?? "";
    writeFileSync(scene.at(image), "ransom");
    const opened = await helper.call("openExport", openRequest());
    const early = await scene.restore(name);
    assert.equal(early.exitCode, 11, early.stderr);
    await helper.call("closeExport", { export: opened.export });
    const done = await scene.restore(name);
    assert.equal(done.exitCode, 0, done.stderr);
    const { size, uid, nlink } = statSync(scene.at(image));
    assert.deepEqual([size, uid, nlink], [mebi, machine.uid, 1]);
    const kept = readdirSync(scene.at("images")).filter((one) => one.includes(".before-"));
    assert.deepEqual(
      kept.map((one) => readFileSync(scene.at(`images/${one}`), "utf8")),
      ["ransom"],
    );
    // and where it is gone
    run("rm", scene.at(image));
    await systemClock.sleep(0);
    assert.equal((await scene.restore(name)).exitCode, 0);
    assert.equal(statSync(scene.at(image)).size, mebi);
  };
  it("come back in the image's place, which is never empty, and what was there is kept", comeBack("btrfs"));
  it("the same on xfs", canMount("xfs"), comeBack("xfs"));

  it("do not come back over what is no image", async (t) => {
    const scene = new CheckpointScene(t);
    scene.writeImage();
    await using helper = await scene.start();
    const { checkpoint } = await helper.call("createCheckpoint", { image });
    const elsewhere = join(scene.path, "storage/elsewhere");
    for (const put of [
      () => symlinkSync(elsewhere, scene.at(image)),
      () => linkSync(elsewhere, scene.at(image)),
      () => mkdirSync(scene.at(image)),
    ]) {
      writeFileSync(elsewhere, "not to be touched");
      run("rm", "--recursive", scene.at(image));
      put();
      const { exitCode, stderr } = await scene.restore(checkpoint?.name ?? "");
      assert.equal(exitCode, 1);
      assert.match(stderr, /is not a regular file of this machine's own\nhint: look at what it is/);
      assert.equal(readFileSync(elsewhere, "utf8"), "not to be touched");
      assert.deepEqual(readdirSync(scene.at("images")), ["home.luks"]);
    }
  });
});
