/** Somebody who may speak to the agent and wants nobody else to. Each of these is a program that runs as an ordinary user. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { connectionsEach } from "../../../agent/access/unix-server.ts";
import { systemClock } from "../../../common/clock.ts";
import { waitUntil } from "../../../common/wait-until.ts";
import type { GetStatusResponse } from "../../../proto/gen/luksmith/v1/agent.ts";
import { type AgentSocket, connectTo, startAgentSocket } from "./agent-socket.ts";
import { luksmithGid } from "./fake-programs.ts";

const alice = 1000;
const nobody = 65_534;
const patienceMs = 60_000;
/** What the server's and the test's own memory may come to, whatever is sent. */
const grownMost = 150 * 2 ** 20;

async function flood(context: TestContext, { path }: AgentSocket, uid: number, what: string): Promise<() => void> {
  const script = fileURLToPath(new URL("./flood.ts", import.meta.url));
  const child = spawn(process.execPath, [script, path, `${uid}`, `${luksmithGid}`, what], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  context.after(() => child.kill("SIGKILL"));
  const [said] = await once(child.stdout, "data");
  assert.equal(String(said), "ready\n");
  return () => child.kill("SIGKILL");
}

async function assertServed(context: TestContext, { path }: AgentSocket): Promise<void> {
  const client = connectTo(context, path);
  const { hostname } = await promisify<GetStatusResponse>((done) => client.getStatus({}, done))();
  assert.equal(hostname, "root");
}

/** The first of so many lines: the system is asked for the user's name, so they come a moment later. */
async function assertTurnedAway({ audit }: AgentSocket, verb: string, count: number, reason: string): Promise<void> {
  const read = async () => (await Array.fromAsync(audit.read({ verb }))).flatMap(({ entries }) => entries);
  await waitUntil(systemClock, patienceMs, async () => (await read()).length >= count);
  const lines = await read();
  assert.equal(lines.length, count);
  assert.deepEqual(
    [lines[0]?.uid, lines[0]?.user, lines[0]?.decision, lines[0]?.reason],
    [alice, "alice", "refused", reason],
  );
}

const tooMany = "32 connections of this user are open already";

test("500 connections of one user are 32, and nobody else's", { timeout: 120_000 }, async (context) => {
  const agent = await startAgentSocket(context);
  await flood(context, agent, alice, "connections");
  await assertServed(context, agent);
  assert.ok(
    await waitUntil(systemClock, patienceMs, async () => (await agent.connections()) <= connectionsEach + 1),
    "the others were closed",
  );
  await assertTurnedAway(agent, "connect", 500 - connectionsEach, tooMany);

  // another user has as many
  const other = spawn(process.execPath, [
    fileURLToPath(new URL("./call-as.ts", import.meta.url)),
    ...[agent.path, `${nobody}`, `${luksmithGid}`],
  ]);
  const [said] = await once(other.stdout, "data");
  assert.equal(JSON.parse(String(said)).name, "nobody");
});

test("a place is free again when its connection is gone, however that ends", { timeout: 120_000 }, async (context) => {
  const agent = await startAgentSocket(context);
  for (let round = 1; round <= 2; round += 1) {
    const end = await flood(context, agent, alice, "connections");
    await waitUntil(systemClock, patienceMs, async () => (await agent.connections()) <= connectionsEach);
    await assertTurnedAway(agent, "connect", round * (500 - connectionsEach), tooMany);
    end();
    assert.ok(await waitUntil(systemClock, patienceMs, async () => (await agent.connections()) === 0));
  }
});

test("no more calls of one user are under way than 32, over all connections", { timeout: 120_000 }, async (context) => {
  const agent = await startAgentSocket(context);
  await flood(context, agent, alice, "calls");
  assert.equal(agent.handled.length, 32);
  await assertServed(context, agent);
  await assertTurnedAway(agent, "call", 48, "32 calls of this user are under way already");
  agent.answerDoctors();
  const more = connectTo(context, agent.path);
  await promisify<GetStatusResponse>((done) => more.getStatus({}, done))();
});

for (const what of ["unfinished", "resets", "headers", "endless"]) {
  test(`${what}: root is answered, and memory does not grow`, { timeout: 120_000 }, async (context) => {
    const agent = await startAgentSocket(context);
    await assertServed(context, agent);
    const before = process.memoryUsage.rss();
    await Promise.all([flood(context, agent, alice, what), flood(context, agent, nobody, what)]);
    await assertServed(context, agent);
    const grown = process.memoryUsage.rss() - before;
    assert.ok(grown < grownMost, `${Math.round(grown / 2 ** 20)} MiB more`);
    assert.deepEqual(agent.handled, ["getStatus", "getStatus"], "none of it was a request");
  });
}
