/** What a setup has made on a backup host can be taken back, for one machine and for the last. */

import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { describe, it } from "node:test";
import { assertDone } from "../harness/scene.ts";
import { SecondHost } from "../harness/second-host.ts";
import {
  assertSameState,
  ownDirectory,
  SetupScene,
  setupUser,
  stateOfHost,
  withEverything,
} from "../harness/setup-scene.ts";

describe("luksmith remote setup, taken back", () => {
  const scene = SetupScene.set();

  it("is there, with a backup", async () => {
    const done = await scene.setUpByHand(withEverything);
    assert.equal(done.exitCode, 0, done.said);
    assertDone(await scene.agent.create("home"));
    assertDone(await scene.agent.backup("docs"));
  });

  it("takes a user over that is the machine's alone, when it is told so", async () => {
    const before = await stateOfHost();
    const lab = { machine: SecondHost.user };
    const refused = await scene.setUpByHand(lab);
    assert.equal(refused.exitCode, 13, refused.said);
    assert.match(refused.said, /there is a user lm-lab on the backup host already\n.*--adopt-user/);
    assertSameState(await stateOfHost(), before);
    const adopted = await scene.setUpByHand({ ...lab, adoptUser: true });
    assert.equal(adopted.exitCode, 0, adopted.said);
  });

  it("takes one machine back, leaves its images to root, and the helper to the other; it may come back", async () => {
    const removed = await scene.setUp("vault", "--remove");
    assert.equal(removed.exitCode, 0, removed.said);
    assert.match(removed.said, new RegExp(`the machine's files stay.*${ownDirectory}`));
    assert.match(removed.said, /the helper stays for lm-lab/);
    assert.match(await scene.run("stat", "--format=%A %U", ownDirectory), /^drwx------ root/);
    assert.equal((await scene.run("ls", `${ownDirectory}/images`)).trim(), "home.luks");
    assert.match((await scene.ssh([], "luksmith-helper serve")).stderr, /Permission denied/);
    const again = await scene.setUpByHand({});
    assert.equal(again.exitCode, 0, again.said);
    assertDone(await scene.agent.verify("docs"));
  });

  it("takes everything back with the last machine, but for images", async () => {
    await rm(`${ownDirectory}/images/home.luks`);
    for (const machine of [setupUser, SecondHost.user]) {
      const removed = await scene.removeByHand(machine);
      assert.equal(removed.exitCode, 0, removed.said);
    }
    assertSameState(await stateOfHost(), scene.untouched);
  });
});
