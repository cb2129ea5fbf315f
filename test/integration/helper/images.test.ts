/** Images of a machine: what is one, what is not, and who has it. */

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, linkSync, mkdirSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { rootOnly } from "../tools/scratch.ts";
import { HelperScene, image, lookRequest, machine, mebi, neighbour, openRequest, withMounts } from "./helper-scene.ts";

describe("an image", rootOnly, () => {
  it("is none unless it is a file of the machine's own, and who asked is written down", async (t) => {
    const scene = new HelperScene(t);
    const theirs = `${scene.path}/${neighbour.name}/images/theirs.luks`;
    writeFileSync(theirs, "theirs");
    chownSync(theirs, neighbour.uid, neighbour.gid);
    linkSync(theirs, scene.at("images/hard.luks"));
    symlinkSync(theirs, scene.at("images/link.luks"));
    symlinkSync(`${scene.path}/${neighbour.name}`, scene.at("way"));
    for (const args of [
      ["mkfifo", scene.at("images/fifo.luks")],
      ["mknod", scene.at("images/disk.luks"), "b", "7", "0"],
    ]) {
      assert.equal(spawnSync(args[0] ?? "", args.slice(1)).status, 0);
      chownSync(args[1] ?? "", machine.uid, machine.gid);
    }
    mkdirSync(scene.at("images/directory.luks"));
    chownSync(scene.at("images/directory.luks"), machine.uid, machine.gid);
    await using helper = await scene.start();
    const names = [
      ...["hard", "link", "fifo", "disk", "directory"].map((name) => `images/${name}.luks`),
      "way/images/theirs.luks",
      `../${neighbour.name}/images/theirs.luks`,
      theirs,
      "images/../images/hard.luks",
      "images/a\nb.luks",
      "images/",
      "",
      `images/${"x".repeat(300)}`,
    ];
    for (const name of names) {
      const calls = [
        () => helper.call("openExport", openRequest({ image: name })),
        () => helper.call("statImage", { image: name }),
        () => helper.call("resizeImage", { image: name, bytes: mebi, shrink: true }),
        () => helper.call("discardImage", { image: name }),
      ];
      for (const call of calls) await assert.rejects(call(), { code: "denied" }, JSON.stringify(name));
    }
    const opened = scene.log().filter(({ call, code }) => call === "OpenExport" && code === "denied");
    assert.equal(opened.length, names.length);
    assert.ok(opened.every((line) => line.machine === machine.name && line.address === scene.caller.address));
    assert.equal(statSync(theirs).size, "theirs".length);
    await scene.assertNothingLeft();
  });

  it("that somebody else has locked is nobody's to open, resize or take back", async (t) => {
    const scene = new HelperScene(t);
    await using helper = await scene.start();
    await helper.call("createImage", { image, bytes: mebi });
    const holder = spawn("flock", [
      "--exclusive",
      "--no-fork",
      scene.at(image),
      "sh",
      "-c",
      "echo held; exec sleep 600",
    ]);
    await once(holder.stdout, "data");
    for (const call of [
      () => helper.call("openExport", lookRequest),
      () => helper.call("resizeImage", { image, bytes: 2 * mebi, shrink: false }),
      () => helper.call("discardImage", { image }),
    ]) {
      await assert.rejects(call(), { code: "locked" });
    }
    assert.equal((await helper.call("statImage", { image })).exported, true);
    holder.kill("SIGKILL");
    await once(holder, "exit");
    assert.equal((await helper.call("statImage", { image })).exported, false);
    await helper.call("discardImage", { image: "./images/home.luks" });
    await assert.rejects(helper.call("statImage", { image }), { code: "not_found" });
  });

  it("is not free when it cannot be told whether it is", async (t) => {
    const scene = new HelperScene(t);
    scene.writeImage();
    const script = "mount --bind /bin/false /usr/bin/flock";
    await using helper = await scene.start({ within: withMounts(script) });
    await assert.rejects(helper.call("openExport", lookRequest));
    await scene.assertNothingLeft();
  });

  it("stays as it is when it is opened, exchanged, and opened again", async (t) => {
    const scene = new HelperScene(t);
    scene.writeImage();
    await using helper = await scene.start();
    const opened = await helper.call("openExport", openRequest());
    renameSync(scene.at(image), scene.at("images/aside.luks"));
    scene.writeImage(image, 3 * mebi);
    await assert.rejects(helper.call("openExport", openRequest({ image: "images/aside.luks" })), { code: "locked" });
    assert.equal((await helper.call("statImage", { image })).exported, false, "another image, and nobody's");
    await helper.call("closeExport", { export: opened.export });
  });

  it("is made as a whole or not at all, and a full disk is said", async (t) => {
    const scene = new HelperScene(t);
    const images = scene.at("images");
    // ext4's files have 16 TiB at the most
    const script = `truncate --size 8M ${scene.path}/disk
mkfs.ext4 -q -m 0 ${scene.path}/disk
mount -o loop ${scene.path}/disk ${images}
chown ${machine.uid}:${machine.gid} ${images}`;
    await using helper = await scene.start({ within: withMounts(script) });
    await assert.rejects(helper.call("createImage", { image, bytes: 2 ** 53 - 1 }), { code: "full" });
    await assert.rejects(helper.call("statImage", { image }), { code: "not_found" });
    await helper.call("createImage", { image, bytes: mebi });
  });

  it("is looked for on a full disk, of which is told what it cannot do", async (t) => {
    const scene = new HelperScene(t);
    const directory = join(scene.path, machine.name);
    const script = `mount -t tmpfs -o size=64K,uid=${machine.uid},gid=${machine.gid} tmpfs ${directory}
head -c 64K /dev/zero > ${directory}/full || true`;
    await using helper = await scene.start({ within: withMounts(script) });
    const can = await helper.call("probe", { version: "0.1.0", triesStorage: true });
    assert.deepEqual([can.freeBytes, can.punchesHoles, can.noHolesReason], [0, false, "it is full"]);
    assert.deepEqual([can.takesData, can.noDataReason], [false, "the storage is full"]);
  });

  it("with a directory on the way that is exchanged for a link is not looked for elsewhere", async (t) => {
    const scene = new HelperScene(t);
    scene.writeImage();
    await using helper = await scene.start();
    await helper.call("statImage", { image });
    renameSync(scene.at("images"), scene.at("was"));
    symlinkSync(scene.at("was"), scene.at("images"));
    await assert.rejects(helper.call("statImage", { image }), { code: "denied" });
    await assert.rejects(helper.call("createImage", { image: "images/new.luks", bytes: mebi }), { code: "denied" });
  });
});
