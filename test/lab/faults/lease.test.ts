/** Two machines with one image: never both at once, and what is left of one that died keeps nobody waiting for ever. */

import assert from "node:assert/strict";
import { readdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { endlessSource, homeAndEndless, makeEndlessSource, startEndlessBackup } from "../harness/endless-backup.ts";
import type { Followed, LabAgent } from "../harness/lab-agent.ts";
import { assertNothingLeft } from "../harness/leak-check.ts";
import { assertDone, Scene } from "../harness/scene.ts";
import { until } from "../harness/until.ts";
import { mounted } from "./suites/mounted.ts";
import { introduceTwin, startTwin, twinPlace } from "./suites/twin.ts";

const remote = "leaseTime: 15s";
const rounds = 4;

const noted = ({ events }: Followed) =>
  events.flatMap(({ kind }) => (kind?.$case === "note" ? [kind.value.message] : [])).join("\n");

describe("two machines with one image", () => {
  const scene = Scene.set({
    remote,
    prepare: makeEndlessSource,
    config: `${homeAndEndless}  docs: { volume: home, sources: [${endlessSource}] }
`,
    volumes: ["home"],
  });
  let twin: LabAgent;
  const lease = () => join(scene.host.imagesPath, "home.luks.lease");
  const leases = async () => (await readdir(scene.host.imagesPath)).filter((name) => name.includes(".lease"));
  /** As if the host's clock had gone on by an hour since it was renewed. */
  const age = async () => {
    const hourAgo = Date.now() / 1000 - 3600;
    await utimes(lease(), hourAgo, hourAgo);
  };

  before(async () => {
    await introduceTwin();
    twin = await startTwin(remote);
  });
  after(async () => {
    await twin[Symbol.asyncDispose]();
    await assertNothingLeft(twinPlace.runtimeDir);
  });

  it("that race for it never both mount it", async () => {
    let refused = 0;
    for (let round = 0; round < rounds; round += 1) {
      const both = await Promise.all([scene.agent.backup("docs"), twin.backup("twin", { acceptRollback: true })]);
      const states = both.map((followed) => followed.run.error?.code ?? "done").sort();
      assert.ok(states.includes("done") && ["done", "locked"].includes(states[1] ?? ""), states.join(", "));
      if (states[1] === "locked") refused += 1;
      const [a, b] = both.map(({ events }) => mounted(events));
      if (a !== undefined && b !== undefined) {
        assert.ok(a.to <= b.from || b.to <= a.from, `both had it mounted: ${JSON.stringify([a, b])}`);
      }
      assert.deepEqual(await leases(), []);
    }
    assert.ok(refused > 0, "they met");
    const checked = await scene.agent.check("home", { acceptRollback: true });
    assertDone(checked);
  });

  it("one is told who has it", async () => {
    const { run: started } = await twin.startBackup("slow", { acceptRollback: true });
    await until(async () => (await leases()).length === 1, "it has the lease");
    const refusedRun = (await scene.agent.backup("docs")).run;
    assert.equal(refusedRun.error?.code, "locked");
    assert.match(
      refusedRun.error?.message ?? "",
      new RegExp(`is in use: \\S+ \\(run ${started?.id}\\) has it for another \\d`),
    );

    // the host's clock is wrong: its owner lives all the same
    const aging = setInterval(age, 100);
    const aged = (await scene.agent.backup("docs")).run;
    clearInterval(aging);
    assert.equal(aged.error?.code, "locked", aged.error?.message);
    assert.match(aged.error?.message ?? "", /and renews it/);
    await twin.cancel(started?.id ?? "");
    await twin.follow(started?.id ?? "");
    assert.deepEqual(await leases(), []);
  });

  it("of one that died it is taken over only when the lease has expired, and that is said", async () => {
    const { run: started } = await twin.startBackup("slow", { acceptRollback: true });
    await until(async () => (await leases()).length === 1, "it has the lease");
    await twin.stop("SIGKILL");
    const early = (await scene.agent.backup("docs", { acceptRollback: true })).run;
    assert.equal(early.error?.code, "locked", early.error?.message);
    await age();
    const late = await scene.agent.backup("docs", { acceptRollback: true });
    assertDone(late);
    assert.match(noted(late), /expired 59 min \d+ s ago: watching for a sign of life/);
    assert.match(noted(late), new RegExp(`took over the expired lease of \\S+ \\(run ${started?.id}\\)`));
    assert.deepEqual(await leases(), []);
    twin = await startTwin(remote);
  });

  it("of one that died and came back it is taken back at once", async () => {
    await startEndlessBackup(scene.agent);
    await scene.agent.stop("SIGKILL");
    await scene.startAgent();
    assert.equal((await leases()).length, 1);
    const next = await scene.agent.backup("docs", { acceptRollback: true });
    assertDone(next);
    assert.match(noted(next), /took back the lease that an interrupted run of this machine left/);
    assert.deepEqual(await leases(), []);
  });

  it("a run whose lease is taken away stops writing", async () => {
    const id = await startEndlessBackup(scene.agent);
    await rm(lease());
    const { run: ended } = await scene.agent.follow(id);
    assert.equal(ended.state, RunState.FAILED);
    assert.equal(ended.error?.code, "lost");
    assert.match(ended.error?.message ?? "", /the lease on the image has been removed/);
  });

  it("a lease that is none is waited for and taken over like any other", async () => {
    await writeFile(lease(), "garbage\u0000");
    const fresh = (await scene.agent.backup("docs")).run;
    assert.equal(fresh.error?.code, "locked");
    assert.match(fresh.error?.message ?? "", /a lease that cannot be read as one of luksmith's has it for another/);
    await rm(lease());
    assertDone(await scene.agent.backup("docs"));
  });
});
