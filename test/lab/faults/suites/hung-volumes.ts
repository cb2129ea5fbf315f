/** Four volumes that hang at once: the agent itself must not notice. */

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { systemClock } from "../../../../common/clock.ts";
import { RunState } from "../../../../proto/gen/luksmith/v1/types.ts";
import { copying, endlessSource, makeEndlessSource } from "../../harness/endless-backup.ts";
import { cheapKdf } from "../../harness/lab-agent.ts";
import { assertNothingLeft } from "../../harness/leak-check.ts";
import { hostNoticesWithinMs, type Over, sceneOver } from "../../harness/over.ts";
import { assertDone, Scene } from "../../harness/scene.ts";
import { until } from "../../harness/until.ts";

const hung = ["a", "b", "c", "d"];
const answersWithinMs = 100;
/** Of what the slowest question takes when nothing hangs: on a slow machine that may be more. */
const timesIdle = 3;
/** Also what telling a run to end may take, which begins to end it before it answers. */
const neverOverMs = 300;
const questions = 9;
const overWithinMs = 10_000;

const volume = (name: string) => `${name}: { remote: vault, image: ${name}.luks, size: 64M, ${cheapKdf} }`;
const endless = (name: string) => `${name}: { volume: ${name}, sources: [${endlessSource}], bandwidthLimit: 10K }`;

export function describeHungVolumes(over: Over): void {
  describe(`while four volumes hang ${over.way}`, () => {
    const scene = Scene.set({
      // they are to hang until they are told to end
      ...sceneOver(over, "stallTimeout: 4m"),
      prepare: makeEndlessSource,
      config: `
volumes:
  ${[...hung, "well"].map(volume).join("\n  ")}
jobs:
  ${hung.map(endless).join("\n  ")}
  well: { volume: well, sources: [${endlessSource}] }
`,
      volumes: [...hung, "well"],
    });

    it("the agent answers at once, backs up other volumes, and ends the hung runs when it is told to", async (context) => {
      const { agent, host } = scene;
      const asked = {
        status: () => agent.status(),
        runs: () => agent.runs(),
        volumes: () => agent.volumes(),
        "first event of a log": () => agent.firstEvent("last"),
      };
      assertDone(await agent.backup("well"));
      const idleMs = new Map<string, number>();
      for (const [what, ask] of Object.entries(asked)) idleMs.set(what, quickest(await timesOf(ask)));
      const slow = Math.min(neverOverMs, timesIdle * Math.max(...idleMs.values()));
      const limitMs = Math.max(answersWithinMs, slow);

      const started = await Promise.all(hung.map((job) => agent.startBackup(job)));
      const ids = started.map(({ run }) => run?.id ?? "");
      await Promise.all(ids.map((id) => copying(agent, id)));
      await host.freezeConnections();
      await until(async () => (await thatWait()).length === hung.length, "all hang");

      for (const [what, ask] of Object.entries(asked)) {
        const ms = quickest(await timesOf(ask));
        context.diagnostic(`${what}: ${ms.toFixed(0)} ms, ${idleMs.get(what)?.toFixed(0)} ms when nothing hangs`);
        assert.ok(ms < limitMs, `${what} took ${ms.toFixed(0)} ms, the limit is ${limitMs.toFixed(0)} ms`);
      }
      assertDone(await agent.backup("well"));

      const cancelsMs: number[] = [];
      const endsMs: number[] = [];
      for (const id of ids) {
        const toldMs = systemClock.monotonicMs();
        cancelsMs.push(await timeOf(() => agent.cancel(id)));
        const { run } = await agent.follow(id);
        endsMs.push(systemClock.monotonicMs() - toldMs);
        assert.equal(run.state, RunState.CANCELLED, run.error?.message);
      }
      // what the host was frozen with ends when it is none any more
      await host.thawConnections();
      await assertNothingLeft(undefined, over.helper === undefined ? undefined : hostNoticesWithinMs);
      context.diagnostic(`cancel: ${cancelsMs.map((ms) => ms.toFixed(0)).join(", ")} ms`);
      context.diagnostic(`until the run is over: ${endsMs.map((ms) => (ms / 1000).toFixed(1)).join(", ")} s`);
      const cancelMs = quickest(cancelsMs);
      assert.ok(cancelMs < neverOverMs, `cancel took ${cancelMs.toFixed(0)} ms, the limit is ${neverOverMs} ms`);
      for (const ms of endsMs)
        assert.ok(ms < overWithinMs, `a hung run was over ${ms.toFixed(0)} ms after it was told to be`);
    });
  });
}

/** What has requests that are not answered: FUSE connections, and network block devices. */
async function thatWait(): Promise<string[]> {
  return [
    ...(await countsBelow("/sys/fs/fuse/connections", "waiting", () => true)),
    ...(await countsBelow("/sys/block", "inflight", (name) => name.startsWith("nbd"))),
  ];
}

/** @returns the names whose file of that name holds a number that is not 0 */
async function countsBelow(directory: string, file: string, isOne: (name: string) => boolean): Promise<string[]> {
  const names = (await readdir(directory)).filter(isOne);
  const counts = await Promise.all(names.map((name) => readFile(join(directory, name, file), "utf8")));
  return names.filter((_, index) => /[1-9]/.test(counts[index] ?? ""));
}

async function timesOf(ask: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < questions; index += 1) times.push(await timeOf(ask));
  return times;
}

async function timeOf(ask: () => Promise<unknown>): Promise<number> {
  const beganMs = systemClock.monotonicMs();
  await ask();
  return systemClock.monotonicMs() - beganMs;
}

/**
 * What an answer costs when nothing else wants the machine. A busy machine only ever adds to it, by any amount,
 * whereas an agent that waits for a hung volume is late with every answer.
 */
function quickest(times: readonly number[]): number {
  return Math.min(...times);
}
