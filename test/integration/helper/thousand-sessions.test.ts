/** A thousand sessions one after another, ended in every way there is: nothing of them may be left. */

import assert from "node:assert/strict";
import { readdirSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { systemClock } from "../../../common/clock.ts";
import { ExportMode } from "../../../proto/gen/luksmith/v1/helper.ts";
import { askHelper, leaseClaim } from "../../lab/harness/lab-helper.ts";
import { until } from "../../lab/harness/until.ts";
import { HelperScene, lookRequest, machine, openRequest } from "./helper-scene.ts";
import { canHaveNetworks, threeHosts } from "./three-hosts.ts";

const sessions = 1000;
const atOnce = 4;
/** More than a worker opens between two opens that certainly come to their end. */
const keptTokens = 16;
/** One that was killed keeps its place until its children have ended, too. */
const places = 2 * atOnce;
/** By then a helper serves its export. */
const longestLifeMs = 500;

describe("a thousand sessions", canHaveNetworks, () => {
  it("leave no process, directory, place, lease, port or admission", { timeout: 1_200_000 }, async (t) => {
    const { vault, machine: client } = await threeHosts(t);
    const scene = new HelperScene(t, {
      machine: `trustedWire: [10.98.0.0/24], maxSessions: ${places}, maxCallsPerMinute: 100000`,
      config: `direct: { address: ${vault.address}, ports: 10810-10829 }`,
      caller: { address: client.address, within: vault.within },
    });
    const compiled = join(scene.path, "compiled");
    const caller = { ...scene.caller, compileCache: compiled };
    for (let worker = 0; worker < atOnce; worker += 1) scene.writeImage(`images/${worker}.luks`, 4096);
    const { configPath } = scene.caller;
    assert.equal((await askHelper({ configPath, within: vault.within }, ["firewall", "apply"])).exitCode, 0);

    const drive = async (worker: number) => {
      const tokens: string[] = [];
      const own = `images/${worker}.luks`;
      const open = () => {
        const lease = leaseClaim({ ownTokens: tokens.slice(-keptTokens) });
        tokens.push(lease.token);
        return openRequest({ image: own, lease });
      };
      for (let mine = 0; mine < sessions / atOnce; mine += 1) {
        switch (mine % 10) {
          case 0: {
            await using helper = await scene.start(caller);
            await helper.call("openExport", open());
            break;
          }
          case 1: {
            await using helper = await scene.start(caller);
            await helper.call("openExport", open());
            await helper.kill();
            break;
          }
          case 2: {
            // killed while it opens
            await using helper = await scene.start(caller);
            const opening = helper.call("openExport", open()).catch(() => undefined);
            await helper.call("statImage", { image: own }).catch(() => undefined);
            await helper.kill();
            await opening;
            break;
          }
          case 3: {
            await using helper = await scene.start(caller);
            await helper.call("openExport", { ...lookRequest, image: own, mode: ExportMode.DIRECT });
            break;
          }
          case 4: {
            await using helper = await scene.start(caller);
            await helper.kill();
            break;
          }
          case 5:
            await askHelper(caller, [], "garbage");
            break;
          case 6: {
            // hung up while it opens
            await using helper = await scene.start(caller);
            void helper.call("openExport", open()).catch(() => undefined);
            break;
          }
          case 7:
            await askHelper(caller, []);
            break;
          default: {
            // killed at any moment of its life, be it before it has begun
            await using helper = await scene.start(caller);
            const opening = helper.call("openExport", open()).catch(() => undefined);
            await systemClock.sleep((mine * 37) % longestLifeMs);
            await helper.kill();
            await opening;
          }
        }
      }
    };
    await Promise.all(Array.from({ length: atOnce }, (_, worker) => drive(worker)));

    // what the killed ones left is removed by the next
    const next = await Promise.all(Array.from({ length: atOnce }, () => scene.start(caller)));
    for (const [worker, helper] of next.entries()) {
      const found = await helper.call("statImage", { image: `images/${worker}.luks` });
      assert.equal(found.exported, false);
      await helper.hangUp();
    }
    await until(
      async () => !(await vault.run("nft", "list", "table", "inet", "luksmith_helper")).includes("expires"),
      "nobody is let in",
    );
    for (const name of readdirSync(scene.at("images")).filter((one) => one.includes(".lease"))) {
      // of those that were killed, for their machine to take back
      rmSync(scene.at(`images/${name}`));
    }
    await scene.assertNothingLeft();
    assert.deepEqual(readdirSync(scene.at("images")).length, atOnce);
    assert.deepEqual(readdirSync(scene.runtimeDir).toSorted(), ["machines", "ports"]);
    const kinds = new Set(
      readdirSync(join(scene.runtimeDir, "machines", machine.name)).map((name) => name.split(".")[0]),
    );
    assert.deepEqual([...kinds].toSorted(), ["calls", "export", "session"]);
    assert.deepEqual(openedBelow(scene.path), []);
  });
});

/** Processes that have something of this directory open. */
function openedBelow(path: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(path));
      } catch {
        return false;
      }
    });
}
