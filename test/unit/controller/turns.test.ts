import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { type Turn, Turns } from "../../../controller/stream/turns.ts";

test("so many bytes at a time, in the order in which they came; one that is larger than that is alone", async () => {
  const turns = new Turns(100);
  const begun: string[] = [];
  const ends = new Map<string, Turn>();
  const take = (name: string, bytes: number) => {
    void turns.take(bytes).then((turn) => {
      begun.push(name);
      ends.set(name, turn);
    });
  };
  const end = async (name: string) => {
    ends.get(name)?.end();
    await setImmediate();
  };
  take("a", 60);
  take("b", 40);
  take("huge", 5000);
  // it would fit, and has come later
  take("d", 10);
  await setImmediate();
  assert.deepEqual(begun, ["a", "b"]);
  await end("b");
  assert.deepEqual(begun, ["a", "b"], "there is no room for the huge one yet");
  await end("a");
  assert.deepEqual(begun, ["a", "b", "huge"]);
  await end("a");
  assert.deepEqual(begun, ["a", "b", "huge"], "an end that comes twice counts once");
  await end("huge");
  assert.deepEqual(begun, ["a", "b", "huge", "d"]);
  await end("d");
  take("e", 100);
  await setImmediate();
  assert.deepEqual(begun.at(-1), "e", "all is free again");
});
