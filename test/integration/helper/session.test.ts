/** A session of the helper: what it may have, what it leaves when it ends in whatever way, and what is not told to others. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Status } from "@grpc/grpc-js/build/src/constants.js";
import { askHelper, leaseClaim } from "../../lab/harness/lab-helper.ts";
import { until } from "../../lab/harness/until.ts";
import { rootOnly } from "../tools/scratch.ts";
import { HelperScene, image, lookRequest, machine, mebi, neighbour, openRequest, withMounts } from "./helper-scene.ts";

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

describe("a session of the helper", rootOnly, () => {
  for (const garbage of ["GET / HTTP/1.1\r\n\r\n", "\0".repeat(100_000), "SSH-2.0-x\r\n", "PRI"]) {
    it(`ends over ${JSON.stringify(garbage.slice(0, 12))} with one line in the log, and leaves nothing`, async (t) => {
      const scene = new HelperScene(t);
      const { exitCode, stdout } = await askHelper(scene.caller, [], garbage);
      assert.deepEqual([exitCode, stdout], [2, ""]);
      assert.deepEqual(
        scene.log().map(({ msg }) => msg),
        ["what came is no gRPC"],
      );
      await scene.assertNothingLeft();
    });
  }

  it("ends over what begins like gRPC and is none", async (t) => {
    const scene = new HelperScene(t);
    const { exitCode } = await askHelper(scene.caller, [], `${preface}garbage`.repeat(50));
    assert.equal(exitCode, 2);
    assert.ok(scene.log().some(({ msg, fault }) => msg === "session over" && fault === 1));
    await scene.assertNothingLeft();
  });

  it("serves two machines at once, each its own image, as its own user", async (t) => {
    const scene = new HelperScene(t);
    scene.writeImage();
    const theirImage = join(scene.path, neighbour.name, image);
    writeFileSync(theirImage, Buffer.alloc(2 * mebi), { mode: 0o600 });
    chownSync(theirImage, neighbour.uid, neighbour.gid);
    await using ours = await scene.start();
    await using theirs = await scene.start({ user: neighbour.name });
    const opened = await Promise.all([ours, theirs].map((helper) => helper.call("openExport", openRequest())));
    assert.deepEqual(
      opened.map(({ bytes }) => bytes),
      [mebi, 2 * mebi],
    );
    const uids = scene.servers().map((pid) => statSync(`/proc/${pid}`).uid);
    assert.deepEqual(new Set(uids), new Set([machine.uid, neighbour.uid]));
    for (const path of [theirImage, `../${neighbour.name}/${image}`]) {
      await assert.rejects(ours.call("statImage", { image: path }), { code: "denied" });
      await assert.rejects(ours.call("openExport", openRequest({ image: path })), { code: "denied" });
    }
    for (const helper of [ours, theirs]) await helper.hangUp();
    await scene.assertNothingLeft();
  });

  it("makes, grows and serves no image that is larger than the machine may have, but for reading", async (t) => {
    const scene = new HelperScene(t, { machine: "maxImageSize: 1M" });
    const tooLarge = { code: "full", message: /may have 1\.00 MiB on the backup host/ };
    await using helper = await scene.start();
    await assert.rejects(helper.call("createImage", { image, bytes: 2 * mebi }), tooLarge);
    await helper.call("createImage", { image, bytes: mebi });
    await assert.rejects(helper.call("resizeImage", { image, bytes: mebi + 4096, shrink: false }), tooLarge);
    await assert.rejects(helper.call("openExport", openRequest({ discardsBelow: 2 * mebi })), tooLarge);
    await helper.call("closeExport", { export: (await helper.call("openExport", openRequest())).export });
    // as it could over SFTP
    scene.writeImage(image, 2 * mebi);
    await assert.rejects(helper.call("openExport", openRequest()), tooLarge);
    assert.equal((await helper.call("openExport", lookRequest)).bytes, 2 * mebi);
    await helper.hangUp();
    await scene.assertNothingLeft();
  });

  it("does not know what it does not know, and goes on", async (t) => {
    const scene = new HelperScene(t);
    await using helper = await scene.start();
    assert.equal(await helper.callUnknown(), Status.UNIMPLEMENTED);
    assert.equal((await helper.call("probe", { version: "9.9.9", triesStorage: false })).machine, machine.name);
    assert.equal(await helper.hangUp(), 0);
  });

  it("waits for what is under way when it ends", async (t) => {
    const scene = new HelperScene(t);
    const helper = await scene.start();
    await helper.call("createImage", { image, bytes: mebi });
    const under = [
      helper.call("openExport", openRequest()),
      helper.call("createImage", { image: "images/other.luks", bytes: mebi }),
    ].map((call) => call.catch(() => undefined));
    // so that they have been begun, and not more
    await until(async () => existsSync(scene.at("images/other.luks")), "they are under way");
    await helper.hangUp();
    await Promise.all(under);
    const { uid, size } = statSync(scene.at("images/other.luks"));
    assert.deepEqual([uid, size], [machine.uid, mebi], "made as a whole");
    await scene.assertNothingLeft();
  });

  it("leaves nothing in the way of an export whose call was cancelled, be it with the reply on its way", async (t) => {
    const scene = new HelperScene(t, { machine: "maxExports: 1" });
    scene.writeImage();
    await using helper = await scene.start();
    const ownTokens: string[] = [];
    const next = () => {
      const lease = leaseClaim({ ownTokens: [...ownTokens] });
      ownTokens.push(lease.token);
      return openRequest({ lease });
    };
    for (const afterMs of [0, 5, 20, 35, 50, 65, 80]) {
      const cancel = new AbortController();
      const opening = helper.call("openExport", next(), cancel.signal);
      setTimeout(() => cancel.abort(), afterMs);
      await opening.then(
        ({ export: id }) => helper.call("closeExport", { export: id }),
        () => undefined,
      );
    }
    const request = next();
    const opens = () =>
      helper.call("openExport", request).then(
        () => true,
        ({ code }) => code !== "locked" && assert.fail(code),
      );
    await until(opens, "it is opened once more");
    assert.equal(scene.exports().length, 1);
    await helper.hangUp();
    await scene.assertNothingLeft();
  });

  it("of a machine that has enough of them is refused, until one ends", async (t) => {
    const scene = new HelperScene(t, { machine: "maxSessions: 2, maxExports: 2" });
    const names = ["a", "b", "c"].map((name) => `images/${name}.luks`);
    for (const name of names) scene.writeImage(name);
    const first = await scene.start();
    await using second = await scene.start();
    await first.call("openExport", { ...lookRequest, image: "images/a.luks" });
    await second.call("openExport", { ...lookRequest, image: "images/b.luks" });
    const third = { ...lookRequest, image: "images/c.luks" };
    await assert.rejects(second.call("openExport", third), { code: "locked" });
    const refused = await askHelper(scene.caller, []);
    assert.equal(refused.exitCode, 11);
    assert.match(refused.stderr, /2 sessions at a time/);
    await first.kill();
    await using next = await scene.start();
    await next.call("openExport", third);
    await assert.rejects(next.call("openExport", { ...lookRequest, image: "images/a.luks" }), { code: "locked" });
  });

  it("has no more calls because there are more of it", async (t) => {
    const scene = new HelperScene(t, { machine: "maxCallsPerMinute: 10" });
    scene.writeImage();
    await using first = await scene.start();
    await using second = await scene.start();
    const look = (helper: typeof first) => helper.call("statImage", { image });
    await Promise.all(Array.from({ length: 5 }, () => [look(first), look(second)]).flat());
    const more = Array.from({ length: 12 }, () => look(second));
    const began = Date.now();
    const refused = await Promise.allSettled(more.slice(8));
    for (const one of refused)
      assert.equal(one.status === "rejected" && one.reason.code, "locked", "eight wait already");
    assert.ok(Date.now() - began < 5000, "and these were told at once");
    const hanging = Promise.allSettled(more);
    await second.hangUp();
    await hanging;
  });

  it("that was killed has its remains removed by the next, however they look", async (t) => {
    const scene = new HelperScene(t);
    scene.writeImage();
    const outside = join(scene.path, "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "precious"), "");
    chmodSync(outside, 0o777);
    const claim = leaseClaim();
    const killed = await scene.start();
    const { channel } = await killed.call("openExport", openRequest({ lease: claim }));
    // what the machine's user can put there
    const socket = join(scene.runtimeDir, channel, "socket");
    mkdirSync(join(socket, "deep/er"), { recursive: true });
    symlinkSync(outside, join(socket, "way"));
    symlinkSync(outside, join(socket, "deep/er/way"));
    linkSync(join(outside, "precious"), join(socket, "deep/precious"));
    await killed.kill();
    // one whose name says so, and that cannot be removed as a directory is
    writeFileSync(join(scene.runtimeDir, `1-1-${"0".repeat(32)}`), "");
    await using next = await scene.start();
    await next.call("openExport", openRequest({ lease: leaseClaim({ ownTokens: [claim.token] }) }));
    assert.equal(scene.exports().filter((name) => name === channel).length, 0);
    assert.ok(existsSync(join(outside, "precious")));
    await next.hangUp();
    await scene.assertNothingLeft();
  });

  it("ends a server whose helper was killed before it could say that it dies with it", async (t) => {
    const scene = new HelperScene(t);
    scene.writeImage();
    await (await scene.start()).hangUp();
    const left = join(scene.runtimeDir, `1-1-${"0".repeat(32)}`);
    mkdirSync(join(left, "socket"), { recursive: true });
    chownSync(join(left, "socket"), machine.uid, machine.gid);
    const config = join(left, "nbd.conf");
    writeFileSync(config, `[generic]\nunixsock = ${left}/socket/nbd\n[image]\nexportname = ${scene.at(image)}\n`);
    const orphan = spawn("nbd-server", ["-d", "-C", config], { stdio: "ignore" });
    const exited = once(orphan, "exit");
    await until(async () => existsSync(join(left, "socket/nbd")), "it listens");
    await using next = await scene.start();
    await next.call("statImage", { image });
    assert.deepEqual(await exited, [null, "SIGKILL"]);
    assert.equal(existsSync(left), false);
  });

  it("does not fill the log, and says how much is missing", async (t) => {
    const scene = new HelperScene(t, { machine: "maxCallsPerMinute: 100000" });
    for (let session = 0; session < 2; session += 1) {
      await using helper = await scene.start();
      for (let round = 0; round < 10; round += 1) {
        const refused = Array.from({ length: 30 }, () => helper.call("statImage", { image: "../x" }));
        for (const one of await Promise.allSettled(refused)) assert.equal(one.status, "rejected");
      }
    }
    const lines = scene.log().length;
    assert.ok(lines >= 100 && lines < 130, `${lines} lines of more than 600`);
  });

  it("tells a machine nothing of what is wrong with others", async (t) => {
    const scene = new HelperScene(t, { config: "direct: { address: not-for-machines }" });
    const script = `mount -t tmpfs tmpfs /var/log`;
    const { exitCode, stderr } = await askHelper({ ...scene.caller, within: withMounts(script) }, []);
    assert.equal(exitCode, 2);
    assert.equal(
      stderr,
      "error: the backup host's configuration is faulty\nhint: its administrator: luksmith-helper check-config\n",
    );
    const { stderr: toldAll } = await askHelper({ configPath: scene.caller.configPath }, ["check-config"]);
    assert.match(toldAll, /direct\.address/);
  });

  it("is not for directories that lie in one another by a link", async (t) => {
    const scene = new HelperScene(t);
    symlinkSync(scene.at("images"), join(scene.path, "elsewhere"));
    const config = readFileSync(scene.caller.configPath, "utf8");
    writeFileSync(scene.caller.configPath, config.replace(`${scene.path}/games`, `${scene.path}/elsewhere`));
    const { exitCode, stderr } = await askHelper({ configPath: scene.caller.configPath }, ["check-config"]);
    assert.equal(exitCode, 2);
    assert.match(stderr, /machines\.games\.directory: must be apart from machines\.backup\.directory/);
    const script = `mount -t tmpfs tmpfs /var/log`;
    assert.equal((await askHelper({ ...scene.caller, within: withMounts(script) }, [])).exitCode, 2);
  });

  it("is all that a machine may start", async (t) => {
    const scene = new HelperScene(t);
    for (const verb of [["check-config"], ["checkpoints", "list"], ["firewall", "check"]]) {
      const { exitCode, stderr } = await askHelper(scene.caller, verb);
      assert.equal(exitCode, 1);
      assert.match(stderr, /^error: this is for the backup host's administrator/);
    }
  });
});
