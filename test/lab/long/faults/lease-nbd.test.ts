/** Two machines with one image, of which one reaches it over nbd and the other over sshfs: the lease is one and the same. */

import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { mounted } from "../../faults/suites/mounted.ts";
import { introduceTwin, startTwin, twinPlace } from "../../faults/suites/twin.ts";
import { endlessSource, homeAndEndless, makeEndlessSource, startEndlessBackup } from "../../harness/endless-backup.ts";
import type { LabAgent } from "../../harness/lab-agent.ts";
import { assertNothingLeft } from "../../harness/leak-check.ts";
import { hostNoticesWithinMs, overSshfs, overTunnel, sceneOver } from "../../harness/over.ts";
import { assertDone, Scene } from "../../harness/scene.ts";
import { until } from "../../harness/until.ts";

const leaseTime = "leaseTime: 15s";

describe("two machines with one image, over nbd and over sshfs", () => {
  const scene = Scene.set({
    ...sceneOver(overTunnel, leaseTime),
    prepare: makeEndlessSource,
    config: `${homeAndEndless}  docs: { volume: home, sources: [${endlessSource}] }
`,
    volumes: ["home"],
  });
  let twin: LabAgent;
  const leases = async () => (await readdir(scene.host.imagesPath)).filter((name) => name.includes(".lease"));
  const accepting = { acceptRollback: true };

  before(async () => {
    await introduceTwin();
    twin = await startTwin(`${overSshfs.transport}, ${leaseTime}`);
  });
  after(async () => {
    await twin[Symbol.asyncDispose]();
    await assertNothingLeft(twinPlace.runtimeDir);
  });

  it("that race for it never both mount it", async () => {
    let refused = 0;
    // over sshfs a run is done by the time that a session of the helper has begun: the later it starts, the nearer they come
    for (const step of ["connect", "unlock", "export", "mount"]) {
      const { run: ours } = await scene.agent.startBackup("docs", accepting);
      const reached = Promise.withResolvers<void>();
      const first = scene.agent.follow(ours?.id ?? "", ({ kind }) => {
        if (kind?.$case === "stepBegan" && kind.value.step === step) reached.resolve();
      });
      await Promise.race([reached.promise, first]);
      const both = await Promise.all([first, twin.backup("twin", accepting)]);
      const states = both.map(({ run }) => run.error?.code ?? "done").toSorted();
      assert.ok(states.includes("done") && ["done", "locked"].includes(states[1] ?? ""), states.join(", "));
      if (states[1] === "locked") refused += 1;
      const [a, b] = both.map(({ events }) => mounted(events));
      if (a !== undefined && b !== undefined) {
        assert.ok(a.to <= b.from || b.to <= a.from, `both had it mounted: ${JSON.stringify([a, b])}`);
      }
      assert.deepEqual(await leases(), []);
    }
    assert.ok(refused > 0, "they met");
    assertDone(await scene.agent.check("home", accepting));
  });

  it("each is told that the other has it", async () => {
    const { run: theirs } = await twin.startBackup("slow", accepting);
    await until(async () => (await leases()).length === 1, "the one over sshfs has the lease");
    const refused = (await scene.agent.backup("docs")).run;
    assert.equal(refused.error?.code, "locked", refused.error?.message);
    assert.match(
      refused.error?.message ?? "",
      new RegExp(`in use: \\S+ \\(run ${theirs?.id}\\) has it for another \\d`),
    );
    await twin.cancel(theirs?.id ?? "");
    await twin.follow(theirs?.id ?? "");
    // one that could not be written out in time is broken off, and leaves its lease to be taken back
    assertDone(await twin.backup("twin", accepting));

    assertDone(await scene.agent.backup("docs", accepting));
    const ours = await startEndlessBackup(scene.agent);
    const turned = (await twin.backup("twin", accepting)).run;
    assert.equal(turned.error?.code, "locked", turned.error?.message);
    assert.match(turned.error?.message ?? "", new RegExp(`in use: \\S+ \\(run ${ours}\\) has it for another \\d`));
    await scene.agent.cancel(ours);
    await scene.agent.follow(ours);
    await until(async () => (await leases()).length === 0, "its lease is given back");
  });

  it("of one over nbd that was killed the other gets it when nobody renews it any more", async () => {
    await startEndlessBackup(scene.agent);
    await scene.agent.stop("SIGKILL");
    // its session on the host ends with its connection, and gives the lease back; else the lease expires
    await until(async () => {
      const { run } = await twin.backup("twin", accepting);
      assert.ok(["locked", undefined].includes(run.error?.code), run.error?.message);
      return run.error === undefined;
    }, "the other has had it");
    await scene.startAgent();
    await assertNothingLeft(undefined, hostNoticesWithinMs);
    assertDone(await scene.agent.backup("docs", accepting));
    assert.deepEqual(await leases(), []);
  });
});
