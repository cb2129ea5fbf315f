import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { killThoseWith } from "../../../agent/system/strays.ts";
import { scratch } from "../tools/scratch.ts";

test("an ssh that was given the argument is killed, and no other program", async (t) => {
  const directory = scratch(t);
  const name = join(directory, "home.conf");
  const program = async (called: string) => {
    const path = join(directory, called);
    await copyFile("/bin/bash", path);
    return path;
  };
  const ssh = await program("ssh");
  const started = [
    [ssh, `-F${name}`],
    [ssh, name],
    [ssh, `${name}.not`],
    [await program("sha"), name],
  ].map(([file = "", argument = ""]) =>
    spawn(file, ["-c", "while sleep 60; do :; done", "stray", argument], { stdio: "ignore", detached: true }),
  );
  t.after(() => {
    // with the sleep that each has started
    for (const { pid } of started) if (pid !== undefined) process.kill(-pid, "SIGKILL");
  });
  await Promise.all(started.map((child) => once(child, "spawn")));
  const [joined, apart, ...others] = started;
  assert.ok(joined && apart);
  const ends = Promise.all([once(joined, "exit"), once(apart, "exit")]);
  await killThoseWith(name, `-F${name}`);
  assert.deepEqual(await ends, [
    [null, "SIGKILL"],
    [null, "SIGKILL"],
  ]);
  for (const other of others) assert.equal(other.exitCode ?? other.signalCode, null);
});
