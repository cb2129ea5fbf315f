/** A backup host, or this machine, that is away in the middle of a backup and comes back: the run ends well by itself. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { systemClock } from "../../../../common/clock.ts";
import { processesBelow } from "../../faults/engine/agent-processes.ts";
import { copying, endlessFiles, endlessSource, makeEndlessSource } from "../../harness/endless-backup.ts";
import { cheapKdf } from "../../harness/lab-agent.ts";
import { assertDone, Scene } from "../../harness/scene.ts";
import { until } from "../../harness/until.ts";

const run = promisify(execFile);

const leaseMs = 10_000;

describe("in the middle of a backup", () => {
  const scene = Scene.set({
    remote: `stallTimeout: 5s, leaseTime: ${leaseMs}ms`,
    runs: "{ attempts: 5, firstWait: 2s, longestWait: 2s }",
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  slow: { volume: home, sources: [${endlessSource}], bandwidthLimit: 200K }
`,
    volumes: ["home"],
  });

  /** A backup with something new in every file, and what happens once it is copying. */
  async function backupWhile(happens: () => Promise<void>): Promise<readonly string[]> {
    const { agent } = scene;
    await makeEndlessSource();
    const { run: started } = await agent.startBackup("slow");
    const id = started?.id ?? "";
    await copying(agent, id);
    await happens();
    const followed = await agent.follow(id);
    assertDone(followed);
    const verified = await agent.verify("slow");
    assertDone(verified);
    assert.equal(verified.run.totals?.filesEqual, endlessFiles);
    return followed.events.flatMap(({ kind }) =>
      kind?.$case === "attemptFailed" ? (kind.value.retry?.error?.code ?? "") : [],
    );
  }

  /** As seen by programs: nothing of ours runs, and afterwards it is hours later. */
  async function suspended(meanwhile: () => Promise<void>): Promise<void> {
    const pids = [scene.agent.pid, ...(await processesBelow(scene.agent.pid)).map(({ pid }) => pid)];
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    await meanwhile();
    await run("date", ["--set", "+7 hours"]);
    // one that was over in a moment, when it was stopped or before, is not there any more
    for (const pid of pids) await run("kill", ["-CONT", `${pid}`]).catch(() => undefined);
  }

  it("the host loses its power, and boots again", async () => {
    const { agent, host } = scene;
    const failed = await backupWhile(async () => {
      await host.unplug();
      await host.stop();
      await until(async () => (await agent.status()).running[0]?.retry?.nextAt !== undefined, "the run waits");
      await host.plugIn();
      // there is a host, on which nobody listens yet
      await until(async () => ((await agent.status()).running[0]?.retry?.attempt ?? 0) > 2, "it has tried again");
      await host.start();
    });
    // whichever is noticed first
    assert.match(failed[0] ?? "", /^(stalled|lost)$/);
    assert.ok(failed.includes("unreachable"), failed.join(", "));
  });

  it("this machine is suspended, for so short that nobody has noticed", async () => {
    const failed = await backupWhile(() => suspended(() => systemClock.sleep(1000)));
    assert.deepEqual(failed, []);
  });

  it("this machine is suspended, for so long that the host has hung up and its lease has expired", async () => {
    const failed = await backupWhile(() =>
      suspended(async () => {
        await scene.host.stop();
        await scene.host.start();
        await systemClock.sleep(1.5 * leaseMs);
      }),
    );
    assert.deepEqual(failed, ["lost"]);
  });
});
