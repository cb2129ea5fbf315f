import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { claimSocket } from "../../../agent/access/socket-claim.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { libc, socketPath } from "./agent-socket.ts";

async function refused(path: string, code: string, message: RegExp): Promise<void> {
  await assert.rejects(claimSocket(path, libc), (error) => {
    assert.ok(error instanceof LuksmithError);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
}

test("of agents that start at once, one wins", async (context) => {
  const path = socketPath(context);
  const claims = await Promise.allSettled(Array.from({ length: 5 }, () => claimSocket(path, libc)));
  const won = claims.filter((claim) => claim.status === "fulfilled");
  assert.equal(won.length, 1);
  for (const claim of claims) {
    if (claim.status === "rejected") assert.equal(claim.reason.code, "locked");
  }
  await won[0]?.value.release();
});

test("the claim is held until it is released, and says who holds it", async (context) => {
  const path = socketPath(context);
  const claim = await claimSocket(path, libc);
  await refused(path, "locked", new RegExp(`another agent is listening on ${path} \\(pid ${process.pid}\\)`));
  await claim.release();
  await claim.release();
  await using again = await claimSocket(path, libc);
  assert.equal(again.path, path);
});

test("an agent that is killed leaves nothing that would stop the next", { timeout: 60_000 }, async (context) => {
  const path = socketPath(context);
  const script = fileURLToPath(new URL("./hold-socket.ts", import.meta.url));
  const child = spawn(process.execPath, [script, path], { stdio: ["ignore", "pipe", "inherit"] });
  context.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  await refused(path, "locked", new RegExp(`\\(pid ${child.pid}\\)`));
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.ok(lstatSync(path).isSocket(), "it had no time to remove its socket");
  await using claim = await claimSocket(path, libc);
  assert.equal(existsSync(claim.path), false);
  assert.equal(readFileSync(`${path}.lock`, "utf8"), `${process.pid}\n`);
});

test("somebody who listens without our lock is there too", async (context) => {
  const path = socketPath(context);
  const other = createServer().listen(path);
  context.after(() => other.close());
  await once(other, "listening");
  await refused(path, "locked", /another agent is listening on/);
  assert.ok(lstatSync(path).isSocket());
});

test("what is no socket is never removed", async (context) => {
  const path = socketPath(context);
  writeFileSync(path, "precious");
  await refused(path, "config", /is there already and is not a socket/);
  assert.equal(readFileSync(path, "utf8"), "precious");

  const link = join(dirname(path), "link.sock");
  symlinkSync(path, link);
  await refused(link, "config", /is not a socket/);
  assert.ok(lstatSync(link).isSymbolicLink());

  const directory = join(dirname(path), "directory.sock");
  mkdirSync(directory);
  await refused(directory, "config", /is not a socket/);
  assert.ok(lstatSync(directory).isDirectory());
});

test("a refused claim lets go of its lock", async (context) => {
  const path = socketPath(context);
  mkdirSync(path);
  await refused(path, "config", /is not a socket/);
  await refused(path, "config", /is not a socket/);
});

test("a link in the place of the lock is not followed", async (context) => {
  const path = socketPath(context);
  const target = join(dirname(path), "target");
  symlinkSync(target, `${path}.lock`);
  await refused(path, "config", /agent\.sock\.lock cannot be opened/);
  assert.equal(existsSync(target), false);
});

test("a directory that cannot be one", async (context) => {
  const path = socketPath(context);
  writeFileSync(path, "");
  await refused(join(path, "agent.sock"), "config", /the directory of the socket .* cannot be used/);
});

test("the directory is made for all to enter, and refused when others can write to it", async (context) => {
  const path = join(dirname(socketPath(context)), "run", "luksmith", "agent.sock");
  const umaskBefore = process.umask(0o077);
  context.after(() => process.umask(umaskBefore));
  const claim = await claimSocket(path, libc);
  await claim.release();
  assert.equal(statSync(dirname(path)).mode & 0o777, 0o755);
  chmodSync(dirname(path), 0o777);
  await refused(path, "config", /can be written by others/);
});
