/** The lease on an image that is exported, and those who use it by other ways: the agent's own, as it makes one over SFTP. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import {
  chownSync,
  existsSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { pino } from "pino";
import { Lease } from "../../../agent/lease/lease.ts";
import { systemClock } from "../../../common/clock.ts";
import { makeExec } from "../../../common/exec.ts";
import { parseLease, renderLease } from "../../../common/lease-file.ts";
import { leaseClaim } from "../../lab/harness/lab-helper.ts";
import { until } from "../../lab/harness/until.ts";
import { rootOnly } from "../tools/scratch.ts";
import { HelperScene, image, lookRequest, machine, openRequest } from "./helper-scene.ts";

const leaseMs = 10_000;
const leasePath = `${image}.lease`;

/** As another agent's would stand there. */
function writeForeign(scene: HelperScene, path = leasePath, token: string = randomUUID()): string {
  const at = new Date().toISOString();
  const text = renderLease({ format: 1, token, machine: "web02", run: "r1", leaseMs, takenAt: at, expiresAt: at });
  writeFileSync(scene.at(path), text);
  chownSync(scene.at(path), machine.uid, machine.gid);
  return token;
}

function age(scene: HelperScene, path = leasePath): void {
  const hourAgo = Date.now() / 1000 - 3600;
  utimesSync(scene.at(path), hourAgo, hourAgo);
}

const tokenOf = (scene: HelperScene) => parseLease(readFileSync(scene.at(leasePath), "utf8"), 0).token;
const leases = (scene: HelperScene) => readdirSync(scene.at("images")).filter((name) => name.includes(".lease"));

function agentLease(scene: HelperScene): Lease {
  const stateDir = join(scene.path, "state");
  mkdirSync(join(stateDir, "volumes/home"), { recursive: true });
  const host = {
    ...makeExec(),
    clock: systemClock,
    log: pino({ level: "silent" }),
    stateDir,
  } as unknown as ConstructorParameters<typeof Lease>[0];
  return new Lease(host, {
    ...{ volume: "home", imagePath: scene.at(image), leaseMs, run: "r2", remote: "vault", port: 22 },
  });
}

describe("the lease on an exported image", { ...rootOnly, concurrency: 4 }, () => {
  it("is made as the machine's own, renewed, and removed when the export is closed", async (t) => {
    const scene = new HelperScene(t);
    scene.writeImage();
    await using helper = await scene.start();
    const lease = leaseClaim({ leaseMs });
    const opened = await helper.call("openExport", openRequest({ lease }));
    const { uid, nlink, size, mtimeMs } = statSync(scene.at(leasePath));
    assert.deepEqual([uid, nlink, size], [machine.uid, 1, 1024]);
    const found = parseLease(readFileSync(scene.at(leasePath), "utf8"), 0);
    assert.deepEqual([found.token, found.owner, found.leaseMs], [lease.token, "web01 (run 0hw9bq1bms)", leaseMs]);
    await until(async () => statSync(scene.at(leasePath)).mtimeMs > mtimeMs, "it is renewed");
    assert.equal(tokenOf(scene), lease.token);
    await helper.call("closeExport", { export: opened.export });
    assert.deepEqual(leases(scene), []);
  });

  it("is needed to write, and no concern of who only reads without", async (t) => {
    const scene = new HelperScene(t);
    scene.writeImage();
    await using helper = await scene.start();
    await assert.rejects(helper.call("openExport", openRequest({ lease: undefined })), { code: "usage" });
    await assert.rejects(helper.call("openExport", openRequest({ lease: leaseClaim({ token: "x" }) })), {
      code: "usage",
    });
    const token = writeForeign(scene);
    await helper.call("openExport", lookRequest);
    assert.equal(tokenOf(scene), token);
    assert.deepEqual(leases(scene), ["home.luks.lease"]);
  });

  it("keeps an agent that has the image by SSHFS and one that asks for an export apart", async (t) => {
    const scene = new HelperScene(t);
    scene.writeImage();
    const { signal } = new AbortController();
    await using helper = await scene.start();
    const first = agentLease(scene);
    await first.prepare();
    assert.equal(await first.tryTake(signal), true);
    // over SFTP it would be that user's
    chownSync(scene.at(leasePath), machine.uid, machine.gid);
    await assert.rejects(helper.call("openExport", openRequest()), {
      code: "locked",
      message: /^the image is in use: \S+ \(run r2\) has it for another \d/,
    });
    await first.release(signal);

    const opened = await helper.call("openExport", openRequest());
    const second = agentLease(scene);
    await second.prepare();
    assert.equal(await second.tryTake(signal), false);
    await assert.rejects(
      second.take(() => undefined, signal),
      {
        code: "locked",
        message: /web01 \(run 0hw9bq1bms\) has it for another \d/,
      },
    );
    await helper.call("closeExport", { export: opened.export });
    assert.equal(await agentLease(scene).tryTake(signal), true);
  });

  it("of a helper that was killed is taken back by its machine at once, and by no other", async (t) => {
    const scene = new HelperScene(t);
    scene.writeImage();
    const lease = leaseClaim();
    const killed = await scene.start();
    await killed.call("openExport", openRequest({ lease }));
    await killed.kill();
    assert.equal(tokenOf(scene), lease.token);
    // left by agents that died while they took it over from one another, and while they asked for the time
    const between = writeForeign(scene, `${leasePath}.${lease.token}`);
    writeFileSync(scene.at(`${leasePath}.now-${lease.token}`), "");
    await using helper = await scene.start();
    await assert.rejects(helper.call("openExport", openRequest()), { code: "locked" });
    const mine = leaseClaim({ ownTokens: [lease.token, between] });
    const opened = await helper.call("openExport", openRequest({ lease: mine }));
    assert.equal(tokenOf(scene), mine.token);
    assert.deepEqual(leases(scene), ["home.luks.lease"]);
    await helper.call("closeExport", { export: opened.export });
    assert.deepEqual(leases(scene), []);
  });

  it("that has expired is watched first, and taken over when nobody renews it", async (t) => {
    const scene = new HelperScene(t);
    scene.writeImage();
    writeForeign(scene);
    age(scene);
    await using helper = await scene.start();
    const began = Date.now();
    const mine = leaseClaim();
    await helper.call("openExport", openRequest({ lease: mine }));
    assert.ok(Date.now() - began >= 0.9 * leaseMs);
    assert.equal(tokenOf(scene), mine.token);
    assert.deepEqual(leases(scene), ["home.luks.lease"]);
  });

  it("that has expired and is renewed all the same stays its owner's", async (t) => {
    const scene = new HelperScene(t);
    scene.writeImage();
    const token = writeForeign(scene);
    age(scene);
    await using helper = await scene.start();
    const opening = helper.call("openExport", openRequest());
    await until(async () => scene.log().some(({ msg }) => String(msg).startsWith("watching")), "it is watched");
    writeForeign(scene, leasePath, token);
    await assert.rejects(opening, { code: "locked", message: /and renews it/ });
    assert.equal(tokenOf(scene), token);
  });

  it("is not watched for nobody", async (t) => {
    const scene = new HelperScene(t);
    scene.writeImage();
    writeForeign(scene);
    age(scene);
    await using helper = await scene.start();
    const cancel = new AbortController();
    const opening = helper.call("openExport", openRequest(), cancel.signal);
    await until(async () => scene.log().some(({ msg }) => String(msg).startsWith("watching")), "it is watched");
    const began = Date.now();
    cancel.abort();
    await assert.rejects(opening);
    await until(async () => !(await helper.call("statImage", { image })).exported, "nobody has the image");
    assert.ok(Date.now() - began < 0.5 * leaseMs);
    // nor by a session that is over
    const again = helper.call("openExport", openRequest()).catch(() => undefined);
    await until(async () => (await helper.call("statImage", { image })).exported, "it is watched again");
    const hungUp = Date.now();
    await helper.hangUp();
    await again;
    assert.ok(Date.now() - hungUp < 0.5 * leaseMs);
  });

  it("that is removed closes the export", async (t) => {
    const scene = new HelperScene(t);
    scene.writeImage();
    await using helper = await scene.start();
    await helper.call("openExport", openRequest({ lease: leaseClaim({ leaseMs }) }));
    rmSync(scene.at(leasePath));
    await until(async () => scene.exports().length === 0, "it is closed");
    const isSaid = () => scene.log().some(({ why }) => /the lease on the image has been removed/.test(String(why)));
    await until(async () => isSaid(), "it says why");
    assert.equal((await helper.call("statImage", { image })).exported, false);
    await scene.assertNothingLeft();
  });

  it("that another has taken closes the export, and is left to them", async (t) => {
    const scene = new HelperScene(t);
    scene.writeImage();
    await using helper = await scene.start();
    await helper.call("openExport", openRequest({ lease: leaseClaim({ leaseMs }) }));
    const token = writeForeign(scene, `${leasePath}.successor`);
    renameSync(scene.at(`${leasePath}.successor`), scene.at(leasePath));
    await until(async () => scene.exports().length === 0, "it is closed");
    const isSaid = () => scene.log().some(({ why }) => /has been taken by web02/.test(String(why)));
    await until(async () => isSaid(), "it says by whom");
    assert.equal(tokenOf(scene), token);
  });

  it("is read from no file but one of the machine's own", async (t) => {
    const scene = new HelperScene(t);
    scene.writeImage();
    await using helper = await scene.start();
    const token = randomUUID();
    const foreign = join(scene.path, "foreign");
    writeForeign(scene, "../foreign", token);
    chownSync(foreign, 0, 0);
    const mine = openRequest({ lease: leaseClaim({ ownTokens: [token] }) });
    const nowSeconds = Date.now() / 1000;
    for (const put of [() => symlinkSync(foreign, scene.at(leasePath)), () => linkSync(foreign, scene.at(leasePath))]) {
      put();
      lutimesSync(scene.at(leasePath), nowSeconds, nowSeconds);
      await assert.rejects(helper.call("openExport", mine), { code: "locked", message: /cannot be read as one/ });
      rmSync(scene.at(leasePath));
    }
    assert.ok(existsSync(foreign));
    mkdirSync(scene.at(leasePath));
    await assert.rejects(helper.call("openExport", mine), { code: "locked" });
  });

  it("keeps an image that somebody has from being taken back", async (t) => {
    const scene = new HelperScene(t);
    await using helper = await scene.start();
    await helper.call("createImage", { image, bytes: 4096 });
    writeForeign(scene);
    await assert.rejects(helper.call("discardImage", { image }), { code: "locked" });
    age(scene);
    await helper.call("discardImage", { image });
  });
});
