/** Snapshots that go by the job's policy, and those that stay whatever it says. */

import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Item_Action, RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { cheapKdf, type Followed } from "./harness/lab-agent.ts";
import { byHand } from "./harness/opened-by-hand.ts";
import { assertDone, Scene } from "./harness/scene.ts";

const source = "/srv/retention-source";

/** How far the agent's clock is off for each of the backups, in days; the first one is the oldest. */
const daysOff = [-40, -20, -19, -2, 400];

describe("retention", () => {
  const scene = Scene.set({
    prepare: async () => {
      await mkdir(source, { recursive: true });
      await writeFile(join(source, "file"), "kept\n");
    },
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${source}], keep: { daily: 2, monthly: 1 }, timezone: Europe/Berlin }
  bare: { volume: home, sources: [${source}] }
`,
    volumes: ["home"],
  });
  after(() => rm(source, { recursive: true, force: true }));

  const names = async () => (await scene.agent.snapshots("docs")).map(({ name }) => name);
  let made: string[] = [];

  it("removes nothing by its age while the clock and the backup host's differ", async () => {
    for (const days of daysOff) {
      await scene.agent.stop();
      await scene.startAgent(undefined, `${days > 0 ? "+" : ""}${days}d`);
      const { run, warnings } = await scene.agent.backup("docs");
      assert.equal(run.state, RunState.DONE, run.error?.message);
      made.push(run.snapshot);
      // from the third on the first is one that no rule keeps
      const says = warnings.filter((text) =>
        /^old snapshots stay: the clocks of this machine .* differ by /.test(text),
      );
      assert.equal(says.length, made.length > 2 ? 1 : 0, warnings.join("; "));
    }
    const { run } = await scene.agent.prune("docs");
    assert.equal(run.error?.code, "refused");
    await scene.agent.stop();
    await scene.startAgent();
    assert.deepEqual(await names(), made);
  });

  it("shows each snapshot with what keeps it, and removes the others after the next backup", async () => {
    const [oldest = "", second = "", third = "", fourth = "", future = ""] = made;
    assertDone(await scene.agent.pin("docs", oldest.slice(0, 10), "before the upgrade"));
    const shown = await scene.agent.prune("docs", { dryRun: true });
    assertDone(shown);
    assert.deepEqual(actions(shown), [
      `keep docs/${oldest} (pinned: before the upgrade)`,
      `delete docs/${second} ()`,
      `keep docs/${third} (daily ${third.slice(0, 10)})`,
      `keep docs/${fourth} (newest, daily ${fourth.slice(0, 10)}, monthly ${fourth.slice(0, 7)})`,
      `keep docs/${future} (dated in the future)`,
    ]);
    assert.ok(shown.warnings.some((text) => text.startsWith(`snapshot ${future} is dated in the future`)));
    assert.deepEqual(await names(), made);

    const backup = await scene.agent.backup("docs");
    assertDone(backup);
    const left = [oldest, fourth, backup.run.snapshot, future];
    assert.deepEqual(await names(), left);
    made = left;
    const listed = await scene.agent.snapshots("docs");
    assert.deepEqual(
      listed.filter(({ latest }) => latest).map(({ name }) => name),
      [backup.run.snapshot],
      "not the one that is dated in the future",
    );
    const [pinned] = listed;
    assert.deepEqual({ pinned: pinned?.pinned, note: pinned?.note }, { pinned: true, note: "before the upgrade" });
    assert.deepEqual((await scene.agent.prune("docs")).run.summary, "job docs: there is nothing to remove");
  });

  it("a pinned one goes by no way but unpinning it", async () => {
    const [oldest = ""] = made;
    const refused = await scene.agent.prune("docs", { snapshots: [oldest] });
    assert.deepEqual(refused.run.error?.message, `snapshot "${oldest}" is pinned`);
    assertDone(await scene.agent.unpin("docs", oldest));
    assertDone(await scene.agent.prune("docs"));
    assert.deepEqual(await names(), made.slice(1));
    await assert.rejects(scene.agent.prune("bare"), { code: "usage", message: /job bare has no keep/ });
    await assert.rejects(scene.agent.pin("docs", oldest, "two\nlines"), { code: "usage" });
    assert.equal((await scene.agent.pin("docs", oldest)).run.error?.code, "not_found");
    await byHand(join(scene.host.imagesPath, "home.luks"), "/etc/luksmith/keys/home.key", async (directory) => {
      const records = await readFile(join(directory, ".luksmith/snapshots/docs.jsonl"), "utf8");
      const recorded = records
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line).snapshot);
      assert.deepEqual(recorded.sort(), made.slice(1), "of what is removed nothing is kept");
    });
  });
});

function actions({ events }: Followed): string[] {
  return events.flatMap(({ kind }) =>
    kind?.$case === "item"
      ? [`${kind.value.action === Item_Action.KEEP ? "keep" : "delete"} ${kind.value.path} (${kind.value.reason})`]
      : [],
  );
}
