/**
 * Bytes and messages that no agent sends, in orders in which none sends them: the controller goes on, and another agent hardly notices.
 * What was drawn can be drawn again: LUKSMITH_FUZZ_SEED.
 */

import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { afterEach, it } from "node:test";
import { Client, credentials } from "@grpc/grpc-js";
import { listMachines } from "../../../../controller/store/machines.ts";
import { ConnectRequest, Hello, Inventory, PermitRequest } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { below, type Draw, drawing, pick, randomBytes, spoil } from "../../drawing.ts";
import { eachStore } from "../harness/each-store.ts";
import { noteEvent, reportOf } from "../harness/fleet-rows.ts";
import type { FromAgent } from "../harness/test-agent.ts";
import { TestFleet } from "../harness/test-fleet.ts";
import { openWayIn } from "../harness/way-in.ts";

const seed = Number(process.env.LUKSMITH_FUZZ_SEED ?? randomInt(2 ** 31));
const forMs = Number(process.env.LUKSMITH_FUZZ_MS ?? 4000);

const texts = ["", "r1", "m1", "home", "../x", "\u0000", "\u001b[2J", "ä\ud83d", "x".repeat(9000), "*", "nightly", "%"];
const numbers = [0, 1, -1, 2 ** 31, 2 ** 32, 2 ** 53 - 1];
const times = [new Date(0), new Date(-8e15), new Date(8e15), new Date(), undefined];

function message(draw: Draw): FromAgent {
  const text = () => pick(draw, texts);
  const number = () => Math.abs(pick(draw, numbers));
  const time = () => pick(draw, times);
  const many = <T>(make: () => T) => Array.from({ length: below(draw, 5) }, make);
  const inventory = () =>
    Inventory.fromPartial({
      jobs: many(() => ({ name: text(), volume: text(), lastGood: time() })),
      volumes: many(() => ({ name: text(), backupHost: text() })),
      allowed: many(text),
    });
  const permit = () =>
    PermitRequest.fromPartial({
      schedule: text(),
      occurrence: time(),
      job: text(),
      volume: text(),
      backupHost: text(),
    });
  const makers: (() => FromAgent)[] = [
    () => ({
      $case: "hello",
      value: Hello.fromPartial({ instance: text(), hostname: text(), inventory: inventory(), time: time() }),
    }),
    () => ({
      $case: "heartbeat",
      value: { time: time(), running: many(() => ({ runId: text(), progress: undefined })) },
    }),
    () => ({ $case: "inventory", value: inventory() }),
    () => ({
      $case: "runReport",
      value: reportOf(
        text(),
        { state: below(draw, 9) as never, job: text(), startedAt: time() ?? new Date() },
        {
          schedule: text(),
          dispatchId: text(),
          occurrence: time(),
        },
      ),
    }),
    () => ({ $case: "runEvents", value: { runId: text(), events: many(() => noteEvent(number(), text())) } }),
    () => ({ $case: "dispatchAnswer", value: { id: text(), runId: text(), error: undefined } }),
    () => ({ $case: "permitRequest", value: permit() }),
    () => ({ $case: "permitReturn", value: permit() }),
    () => ({
      $case: "trust",
      value: {
        ...{ authorities: many(text), issuer: text(), expires: time(), revokedControllers: many(text) },
        addresses: many(text),
        refused: draw() < 0.5 ? undefined : { code: text(), message: text(), hint: text() },
      },
    }),
    () => ({
      $case: "reply",
      value: { id: text(), events: [], snapshots: [], files: [], last: draw() < 0.5, error: undefined },
    }),
  ];
  return pick(draw, makers)();
}

const goodHello = ConnectRequest.encode({
  kind: { $case: "hello", value: Hello.fromPartial({ instance: "i1" }) },
}).finish();

function bytes(draw: Draw): Buffer {
  if (draw() < 0.1) return randomBytes(draw, 60);
  let encoded: Buffer;
  try {
    encoded = Buffer.from(ConnectRequest.encode({ kind: message(draw) }).finish());
  } catch {
    // what cannot be said at all
    return Buffer.alloc(0);
  }
  return draw() < 0.6 ? encoded : spoil(draw, encoded);
}

eachStore("nonsense", (scene) => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  it(`ends nothing but its own stream (LUKSMITH_FUZZ_SEED=${seed})`, async () => {
    const draw = drawing(seed);
    const fleet = await TestFleet.start(await scene.open());
    closing.push(() => fleet.close());
    for (const id of ["good", "m1", "m2", "m3"]) await fleet.machine(id);
    const good = await fleet.agent("good");
    await good.join();

    const endMs = performance.now() + forMs;
    let streams = 0;
    let sent = 0;
    const nag = async (machineId: string) => {
      const way = await openWayIn(`machine=${machineId}`, () => fleet.door.port);
      const client = new Client(`127.0.0.1:${way.port}`, credentials.createInsecure(), {
        "grpc.enable_retries": 0,
        "grpc.initial_reconnect_backoff_ms": 10,
        "grpc.max_reconnect_backoff_ms": 50,
      });
      while (performance.now() < endMs) {
        streams += 1;
        const raw = (value: Buffer) => value;
        const call = client.makeBidiStreamRequest("/luksmith.v1.FleetService/Connect", raw, raw);
        const over = Promise.withResolvers<void>();
        call.on("error", () => over.resolve());
        call.on("status", () => over.resolve());
        call.on("data", () => undefined);
        if (draw() < 0.8) call.write(Buffer.from(goodHello));
        for (let left = 1 + below(draw, 30); left > 0; left -= 1) {
          call.write(bytes(draw));
          sent += 1;
        }
        const end = draw();
        if (end < 0.3) way.cut();
        else if (end < 0.6) call.cancel();
        else call.end();
        await over.promise;
      }
      client.close();
      way.close();
    };
    let answered = 0;
    const ask = async () => {
      while (performance.now() < endMs) {
        good.say({ $case: "runReport", value: reportOf(`g${answered}`) });
        await good.waitFor("recorded", answered);
        answered += 1;
      }
    };
    await Promise.all([nag("m1"), nag("m2"), nag("m3"), ask()]);

    assert.ok(streams > 5 && sent > 50, `${streams} streams, ${sent} messages`);
    assert.ok(answered > 5, `the other agent was answered ${answered} times`);
    assert.equal(good.ended, undefined);
    assert.equal((await listMachines(fleet.store.database)).length, 4);
    good.say({ $case: "runReport", value: reportOf("last") });
    assert.equal((await good.waitFor("recorded", answered)).runId, "last");
  });
});
