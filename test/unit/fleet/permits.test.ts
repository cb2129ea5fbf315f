import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { Link, Said } from "../../../agent/fleet/link.ts";
import { Permits } from "../../../agent/fleet/permits.ts";
import { Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { ManualClock } from "../../integration/runs/manual-clock.ts";

const moment = new Date("2026-11-23T02:00:00Z");
const occurrence = { schedule: "nightly", verb: Verb.BACKUP, job: "home", volume: "home", moment };
const minuteMs = 60_000;

function scene() {
  const clock = new ManualClock();
  const permits = new Permits(clock, () => "vault:22");
  const said: Said[] = [];
  const connect = async () => {
    const gone = new AbortController();
    const link: Link = { controller: "c1", gone: gone.signal, send: async (what) => void said.push(what) };
    await permits.connected(link);
    return gone;
  };
  return { clock, permits, said, connect };
}

async function settled(promise: Promise<unknown>): Promise<boolean> {
  let isSo = false;
  promise.then(() => {
    isSo = true;
  });
  for (let turn = 0; turn < 20; turn += 1) await setImmediate();
  return isSo;
}

async function pass(clock: ManualClock, minutes: number): Promise<void> {
  for (let minute = 0; minute < minutes; minute += 1) {
    for (let turn = 0; turn < 5; turn += 1) await setImmediate();
    clock.advance(minuteMs);
  }
}

test("without a controller it goes on after some minutes", async () => {
  const { clock, permits } = scene();
  const permit = permits.ask(occurrence, new AbortController().signal);
  await pass(clock, 4);
  assert.equal(await settled(permit), false);
  await pass(clock, 2);
  assert.equal(await settled(permit), true);
});

test("with a controller it waits for as long as that takes, and once it is away for some minutes", async () => {
  const { clock, permits, connect } = scene();
  const gone = await connect();
  const permit = permits.ask(occurrence, new AbortController().signal);
  await pass(clock, 100);
  assert.equal(await settled(permit), false);
  gone.abort();
  await pass(clock, 3);
  const back = await connect();
  await pass(clock, 100);
  assert.equal(await settled(permit), false, "it came back");
  back.abort();
  await pass(clock, 7);
  assert.equal(await settled(permit), true);
});

test("what was granted begins at once, and is given back once", async () => {
  const { permits, said, connect } = scene();
  await connect();
  const permit = permits.ask(occurrence, new AbortController().signal);
  permits.granted({ schedule: "nightly", occurrence: moment, job: "home", volume: "home" });
  (await permit)();
  await setImmediate();
  assert.deepEqual(
    said.map(({ $case }) => $case),
    ["permitRequest", "permitReturn"],
  );
  await connect();
  assert.equal(said.length, 2);
});
