import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { loadAgentConfig } from "../../../agent/config/agent-config.ts";
import { LuksmithError } from "../../../common/errors.ts";

const good = "remotes: { vault: { host: vault, user: u } }\n";

function place(context: TestContext): { directory: string; file: string } {
  assert.equal(process.getuid?.(), 0, "these tests change owners, so they run as root");
  const directory = mkdtempSync(join(tmpdir(), "luksmith-config-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "agent.yaml");
  writeFileSync(file, good, { mode: 0o644 });
  return { directory, file };
}

async function refused(path: string, message: string, hint?: string): Promise<void> {
  await assert.rejects(loadAgentConfig(path), (error) => {
    assert.ok(error instanceof LuksmithError);
    assert.deepEqual([error.code, error.message, error.hint], ["config", message, hint]);
    return true;
  });
}

test("a file of root's is read, through a symbolic link too", async (context) => {
  const { directory, file } = place(context);
  assert.deepEqual([...(await loadAgentConfig(file)).remotes.keys()], ["vault"]);
  symlinkSync(file, join(directory, "link"));
  assert.deepEqual([...(await loadAgentConfig(join(directory, "link"))).remotes.keys()], ["vault"]);
});

test("faults have the path as it was given", async (context) => {
  const { file } = place(context);
  writeFileSync(file, "remote: {}\n");
  await refused(file, `${file}:1:1: remote: unknown key; did you mean "remotes"?`);
});

test("a file that others could write", async (context) => {
  const { file } = place(context);
  chmodSync(file, 0o664);
  await refused(file, `${file} can be written by others than its owner (mode 0664)`, `chmod go-w ${file}`);
  chmodSync(file, 0o600);
  chownSync(file, 65_534, 0);
  await refused(file, `${file} belongs to uid 65534, who could change it`, `chown root ${file}`);
});

test("a file in a directory where others could put another in its place", async (context) => {
  const { directory, file } = place(context);
  chmodSync(directory, 0o777);
  await refused(file, `${directory} can be written by others than its owner (mode 0777)`, `chmod go-w ${directory}`);
  chmodSync(directory, 0o1777);
  assert.equal((await loadAgentConfig(file)).remotes.size, 1);
  chmodSync(directory, 0o755);
  chownSync(directory, 65_534, 0);
  await refused(file, `${directory} belongs to uid 65534, who could change it`, `chown root ${directory}`);
});

test("what is no file", { timeout: 10_000 }, async (context) => {
  const { directory } = place(context);
  await refused(
    join(directory, "none.yaml"),
    `${join(directory, "none.yaml")} is not there`,
    "write it, or name another with --config FILE; deploy has an example to begin with",
  );
  await refused(directory, `${directory} is not a regular file`);
  await refused("/dev/null", "/dev/null is not a regular file");
  const fifo = join(directory, "fifo");
  execFileSync("mkfifo", [fifo]);
  // would wait for a writer for ever
  await refused(fifo, `${fifo} is not a regular file`);
  symlinkSync("loop.yaml", join(directory, "loop.yaml"));
  await refused(join(directory, "loop.yaml"), `${join(directory, "loop.yaml")} cannot be opened`);
});

test("a file that is too large, or not UTF-8", async (context) => {
  const { file } = place(context);
  writeFileSync(file, `${good}#${"x".repeat(2 ** 20)}\n`);
  await refused(file, `${file} is larger than 1 MiB`);
  writeFileSync(file, Buffer.concat([Buffer.from(good), Buffer.from("# caf\xe9\n", "latin1")]));
  await refused(file, `${file} is not UTF-8`);
});

test("a byte order mark is no text", async (context) => {
  const { file } = place(context);
  writeFileSync(file, `\ufeff${good}`);
  assert.equal((await loadAgentConfig(file)).remotes.size, 1);
});
