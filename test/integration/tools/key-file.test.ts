import assert from "node:assert/strict";
import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readKeyFile } from "../../../agent/volume/key-file.ts";
import { makeExec, mustRun } from "../../../common/exec.ts";
import { scratch, writeFile } from "./scratch.ts";

const key = Buffer.from("\0secret\n\xff", "latin1");

test("a key is its file's bytes, all of them", async (context) => {
  const path = join(scratch(context), "key");
  writeFile(path, key);
  for (const mode of [0o400, 0o600]) {
    chmodSync(path, mode);
    assert.deepEqual(await readKeyFile(path), key);
  }
});

test("readable by others", async (context) => {
  const path = join(scratch(context), "key");
  writeFile(path, key);
  chmodSync(path, 0o644);
  await assert.rejects(readKeyFile(path), { code: "config", hint: `chmod 0400 ${path}`, message: /mode 0644/ });
});

test("what is no key file is not read, and nobody waits for it", async (context) => {
  const directory = scratch(context);
  const at = (name: string) => join(directory, name);
  writeFile(at("key"), key);
  chmodSync(at("key"), 0o400);
  symlinkSync("key", at("link"));
  mkdirSync(at("dir"), { mode: 0o700 });
  writeFile(at("empty"), "");
  chmodSync(at("empty"), 0o400);
  await mustRun(makeExec().exec, { file: "mkfifo", args: ["--mode=0600", at("fifo")] });
  for (const [name, message] of [
    ["none", /is not there$/],
    ["link", /is a symbolic link$/],
    ["dir", /is not a regular file$/],
    ["fifo", /is not a regular file$/],
    ["empty", /is empty$/],
    ["key/below", /cannot be read$/],
  ] as const) {
    await assert.rejects(readKeyFile(at(name)), { code: "config", message }, name);
  }
});
