import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { killThoseWith } from "../../../agent/system/strays.ts";
import { scratch } from "../tools/scratch.ts";

test("a program that was given the argument is killed, and no other", async (t) => {
  const name = join(scratch(t), "home.conf");
  const started = [`-F${name}`, name, `${name}.not`].map((argument) =>
    spawn("bash", ["-c", "while sleep 60; do :; done", "stray", argument], { stdio: "ignore" }),
  );
  t.after(() => started.map((child) => child.kill("SIGKILL")));
  await Promise.all(started.map((child) => once(child, "spawn")));
  const [joined, apart, other] = started;
  assert.ok(joined && apart && other);
  const ends = Promise.all([once(joined, "exit"), once(apart, "exit")]);
  await killThoseWith(name, `-F${name}`);
  assert.deepEqual(await ends, [
    [null, "SIGKILL"],
    [null, "SIGKILL"],
  ]);
  assert.equal(other.exitCode ?? other.signalCode, null);
});
