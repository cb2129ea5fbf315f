import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { keySourceText, readKey } from "../../../agent/volume/key-source.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { makeExec } from "../../../common/exec.ts";
import { scratch } from "./scratch.ts";

const { exec } = makeExec();
const command = (...argv: [string, ...string[]]) => ({ from: "command", argv }) as const;

async function failure(reading: Promise<Buffer>): Promise<LuksmithError> {
  const error = await reading.then(
    () => assert.fail("it was read"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof LuksmithError);
  return error;
}

test("what a command prints is the key, every byte, and no shell reads its arguments", async () => {
  assert.equal((await readKey(exec, command("/bin/echo", "$HOME; true"))).toString(), "$HOME; true\n");
  assert.equal(keySourceText(command("/usr/bin/pass", "show", "home")), "what /usr/bin/pass prints");
});

test("a command that fails, prints nothing or too much gives no key, and no error holds what it printed", async () => {
  const failed = await failure(readKey(exec, command("/bin/sh", "-c", "echo tulips; echo locked >&2; exit 3")));
  assert.deepEqual([failed.code, failed.message], ["tool_failed", "/bin/sh, which prints the key, failed: locked"]);
  assert.equal((await failure(readKey(exec, command("/bin/true")))).code, "config");
  const endless = await failure(readKey(exec, command("/usr/bin/yes", "tulips")));
  assert.match(endless.message, /over 8 MiB/);
  const killed = await failure(readKey(exec, command("/bin/sh", "-c", "echo tulips; kill -9 $$")));
  for (const error of [failed, endless, killed]) {
    assert.doesNotMatch(JSON.stringify([error.message, error.hint, error.cause]), /tulips/);
  }
  assert.equal((await failure(readKey(exec, command("/nowhere/key")))).message, "/nowhere/key is not installed");
});

test("a command that is to end ends, with what it has started", async () => {
  const stop = new AbortController();
  const reading = readKey(exec, command("/bin/sh", "-c", "sleep 600 & wait"), stop.signal);
  setImmediate(() => stop.abort(new LuksmithError("cancelled", "enough")));
  assert.equal((await failure(reading)).code, "cancelled");
});

test("a credential is a file in the directory that systemd names", async (context) => {
  const directory = join(scratch(context), "credentials");
  await mkdir(directory);
  await writeFile(join(directory, "home"), "tulips", { mode: 0o400 });
  const credential = { from: "credential", name: "home" } as const;
  const none = await failure(readKey(exec, credential));
  assert.match(none.hint ?? "", /LoadCredential=home:/);
  process.env.CREDENTIALS_DIRECTORY = directory;
  context.after(() => delete process.env.CREDENTIALS_DIRECTORY);
  assert.equal((await readKey(exec, credential)).toString(), "tulips");
  assert.match((await failure(readKey(exec, { ...credential, name: "other" }))).message, /other is not there/);
});
