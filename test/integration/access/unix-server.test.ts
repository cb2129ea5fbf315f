import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, lstatSync, statSync } from "node:fs";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { compressionAlgorithms, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { maxRequestBytes } from "../../../agent/access/unix-server.ts";
import { fromServiceError } from "../../../common/error-wire.ts";
import type { AgentServiceClient, GetStatusResponse } from "../../../proto/gen/luksmith/v1/agent.ts";
import { connectTo, startAgentSocket } from "./agent-socket.ts";
import { luksmithGid } from "./fake-programs.ts";

const nobody = 65_534;

function getStatus(client: AgentServiceClient): Promise<GetStatusResponse> {
  return promisify<GetStatusResponse>((done) => client.getStatus({}, done))();
}

async function callAs(path: string, uid: number, gid: number): Promise<Record<string, unknown>> {
  const script = fileURLToPath(new URL("./call-as.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, path, `${uid}`, `${gid}`]);
  return JSON.parse(stdout);
}

async function answers(context: TestContext, path: string): Promise<void> {
  assert.equal((await getStatus(connectTo(context, path))).hostname, "root");
}

test("the caller is who the kernel says, whatever they claim", { timeout: 60_000 }, async (context) => {
  assert.equal(process.getuid?.(), 0, "this test calls as several users, so it runs as root");
  const agent = await startAgentSocket(context);
  const mine = await getStatus(connectTo(context, agent.path));
  assert.deepEqual([mine.hostname, mine.configPath], ["root", `uid=0;gid=0;pid=${process.pid}`]);

  // each of them sends metadata that says "root"
  const [granted, stranger, outside] = await Promise.all([
    callAs(agent.path, nobody, luksmithGid),
    callAs(agent.path, 1001, luksmithGid),
    callAs(agent.path, 1001, 1001),
  ]);
  assert.equal(granted?.name, "nobody");
  assert.match(String(granted?.peer), /^uid=65534;gid=990;pid=\d+$/);
  assert.deepEqual(stranger, { code: "denied", message: "bob is not in the group luksmith" });
  // does not get as far as the agent
  assert.equal(outside?.code, status.UNAVAILABLE);
  assert.equal(agent.handled.length, 3);
  const written = (await Array.fromAsync(agent.audit.read({}))).flatMap(({ entries }) => entries);
  assert.deepEqual(written.map(({ uid, user, verb, decision }) => [uid, user, verb, decision]).toSorted(), [
    [0, "root", "status", "allowed"],
    [1001, "bob", "status", "refused"],
    [nobody, "nobody", "status", "allowed"],
  ]);
});

test("a call without a rule is refused with a reason", { timeout: 60_000 }, async (context) => {
  const agent = await startAgentSocket(context);
  assert.deepEqual(await callAs(agent.path, 1000, luksmithGid), {
    code: "denied",
    message: "alice may not use status",
  });
});

test("the socket is open to root and one group, or to root alone", async (context) => {
  const umaskBefore = process.umask(0);
  context.after(() => process.umask(umaskBefore));
  const withGroup = await startAgentSocket(context);
  const found = statSync(withGroup.path);
  assert.deepEqual([found.uid, found.gid, found.mode & 0o7777], [process.getuid?.(), luksmithGid, 0o660]);
  const alone = await startAgentSocket(context, "missing");
  assert.equal(statSync(alone.path).mode & 0o7777, 0o600);
  assert.equal(process.umask(), 0, "the umask is what it was");
});

test("garbage does no harm", { timeout: 60_000 }, async (context) => {
  const agent = await startAgentSocket(context);
  const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const frames = (length: number, type: number) => Buffer.from([0, length >> 8, length & 0xff, type, 0, 0, 0, 0, 0]);
  const messages = [
    Buffer.alloc(0),
    Buffer.from("\0"),
    Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    randomBytes(100_000),
    preface.subarray(0, 10),
    preface,
    Buffer.concat([preface, randomBytes(100_000)]),
    Buffer.concat([preface, frames(6, 4), randomBytes(6)]),
    Buffer.concat([preface, frames(0, 4), frames(16_000, 1), randomBytes(16_000)]),
  ];
  await Promise.all(
    messages.map(async (message) => {
      const socket = connect(agent.path);
      // a reset is as good an answer as an end
      socket.on("error", () => undefined);
      socket.resume();
      const closed = once(socket, "close");
      socket.end(message);
      await closed;
    }),
  );
  await answers(context, agent.path);
});

test("somebody who connects and says nothing keeps nobody out", { timeout: 60_000 }, async (context) => {
  const agent = await startAgentSocket(context);
  const silent = Array.from({ length: 20 }, () => connect(agent.path));
  context.after(() => silent.map((socket) => socket.destroy()));
  await Promise.all(silent.map((socket) => once(socket, "connect")));
  await answers(context, agent.path);
});

function sendBytes(client: AgentServiceClient, bytes: number): Promise<ServiceError | null> {
  const options = { deadline: Date.now() + 20_000 };
  return new Promise((resolve) => client.getRun({ id: "x".repeat(bytes) }, new Metadata(), options, resolve));
}

test("a message of 5 MB is refused before it is read", { timeout: 60_000 }, async (context) => {
  const agent = await startAgentSocket(context);
  const client = connectTo(context, agent.path);
  assert.equal((await sendBytes(client, 5_000_000))?.code, status.RESOURCE_EXHAUSTED);
  assert.equal((await sendBytes(client, maxRequestBytes))?.code, status.RESOURCE_EXHAUSTED);
  assert.deepEqual(agent.handled, []);
  // and the same connection goes on
  assert.equal((await getStatus(client)).hostname, "root");
  assert.equal(await sendBytes(client, maxRequestBytes - 16), null);
});

test("so is one that is small only as long as it is compressed", { timeout: 60_000 }, async (context) => {
  const agent = await startAgentSocket(context);
  const client = connectTo(context, agent.path, { "grpc.default_compression_algorithm": compressionAlgorithms.gzip });
  assert.equal((await sendBytes(client, 50_000_000))?.code, status.RESOURCE_EXHAUSTED);
  assert.deepEqual(agent.handled, []);
  assert.equal(await sendBytes(client, 100_000), null);
});

test("a caller who is gone before the answer takes nothing along", { timeout: 60_000 }, async (context) => {
  const agent = await startAgentSocket(context);
  const client = connectTo(context, agent.path);
  const gone = new Promise<ServiceError | null>((resolve) => client.getStatus({}, resolve));
  client.close();
  await gone;
  await answers(context, agent.path);
});

test("closing removes the socket and ends idle connections", { timeout: 60_000 }, async (context) => {
  const agent = await startAgentSocket(context);
  const client = connectTo(context, agent.path);
  await getStatus(client);
  const idle = connect(agent.path);
  await once(idle, "connect");
  const closed = once(idle.resume(), "close");
  assert.ok(lstatSync(agent.path).isSocket());
  await agent.close();
  assert.equal(existsSync(agent.path), false);
  await closed;
  await assert.rejects(getStatus(client), (error: ServiceError) => {
    assert.equal(error.code, status.UNAVAILABLE);
    assert.equal(fromServiceError(error), undefined);
    return true;
  });
  await agent.close();
});
