/** Whatever an operator sends, the answer is one that says something; nothing of the controller's own goes wrong. */

import assert from "node:assert/strict";
import { it } from "node:test";
import type { ClientReadableStream } from "@grpc/grpc-js";
import { LuksmithError } from "../../../../common/errors.ts";
import { ControllerServiceService as methods } from "../../../../proto/gen/luksmith/v1/controller.ts";
import { eachStore } from "../harness/each-store.ts";
import { OpsScene } from "../harness/ops-scene.ts";

type Name = keyof typeof methods;

const texts = [
  ...["\0", "a\0b", "\n", "'; drop table machines; --", "%", "../../etc/passwd", "\u202e", "💾", "env=", "all,all"],
  ...[
    "__proto__",
    "constructor",
    "x".repeat(5000),
    "m1",
    "env=test",
    "last",
    "0",
    "b-1",
    "[",
    "{a: *b}",
    "- - -",
    "null",
  ],
];
const numbers = [1, 7, 2 ** 31 - 1];
const dates = [new Date(0), new Date(-62135596800000), new Date(253402300799999)];

/** Requests that are empty but for one field. */
function* requests(name: Name): Generator<object> {
  const empty = () => methods[name].requestDeserialize(Buffer.alloc(0)) as unknown as Record<string, unknown>;
  yield empty();
  for (const [field, value] of Object.entries(empty())) {
    if (typeof value === "string") for (const text of texts) yield { ...empty(), [field]: text };
    else if (typeof value === "number") for (const number of numbers) yield { ...empty(), [field]: number };
    else if (typeof value === "boolean") yield { ...empty(), [field]: true };
    else if (value instanceof Uint8Array) yield { ...empty(), [field]: Buffer.from([0, 255, 48, 130, 1, 0]) };
    else if (field === "since") for (const date of dates) yield { ...empty(), [field]: date };
  }
}

eachStore("nonsense from operators", (stores) => {
  it("is answered in words, and the controller goes on", async () => {
    await using scene = await OpsScene.start(await stores.open());
    const admin = await scene.operator("root", "admin");
    await scene.machine("m1", { env: "test" });
    await scene.run("m1", "0123456789");
    // sends and makes things by itself when its request is empty
    const names = (Object.keys(methods) as Name[]).filter((name) => name !== "watchFleet");
    let refused = 0;
    const failures: string[] = [];
    for (const name of names) {
      for (const request of requests(name)) {
        try {
          if (methods[name].responseStream) {
            const call = admin.client[name] as unknown as (request: object) => ClientReadableStream<unknown>;
            await admin.read(call.call(admin.client, request), () => true);
          } else {
            await (admin.unary[name] as (request: object) => Promise<unknown>)(request);
          }
        } catch (error) {
          refused += 1;
          if (!(error instanceof LuksmithError) || error.code === "internal" || error.code === "unreachable") {
            failures.push(`${name} ${JSON.stringify(request).slice(0, 200)}: ${error}`);
          }
        }
      }
    }
    assert.deepEqual(failures, []);
    assert.ok(refused > 100);
    assert.equal((await admin.unary.getFleet({})).version, "1.2.3");
  });
});
