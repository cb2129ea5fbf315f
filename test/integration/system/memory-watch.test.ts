import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { MemoryWatch } from "../../lab/bench/memory-watch.ts";

/** Node takes more than that; what else is started meanwhile may as well, so there is no upper bound to be tested. */
const leastBytes = 5e6;

test("a process that was there already counts when it belongs to the tool, and so does one that comes", async () => {
  const start = async () => {
    const child = spawn(process.execPath, ["-e", "console.log(1); process.stdin.resume()"], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    await once(child.stdout, "data");
    return child;
  };
  const children = [await start()];
  try {
    const one = await MemoryWatch.begin(children.map(({ pid }) => pid ?? 0));
    const alone = await one.end();
    assert.ok(alone > leastBytes);
    const watch = await MemoryWatch.begin(children.map(({ pid }) => pid ?? 0));
    children.push(await start());
    assert.ok((await watch.end()) > leastBytes);
  } finally {
    for (const child of children) child.kill();
  }
});
