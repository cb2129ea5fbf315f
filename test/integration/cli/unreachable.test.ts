import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Server as GrpcServer, ServerCredentials } from "@grpc/grpc-js";
import { CliProcess, jsonLines, mainFile, runCli } from "./cli-process.ts";
import { scriptedAgent } from "./scripted-agent.ts";

let directory = "";

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "luksmith-unreachable-"));
});

after(() => rm(directory, { recursive: true }));

function listening(server: Server, socket: string): Promise<AsyncDisposable> {
  return new Promise((resolve) =>
    server.listen(socket, () =>
      resolve({ [Symbol.asyncDispose]: () => new Promise((closed) => server.close(() => closed())) }),
    ),
  );
}

test("no agent: 13, and what to do", async () => {
  const socket = join(directory, "none.sock");
  const { exitCode, stdout, stderr } = await runCli(["status"], { socket });
  assert.equal(exitCode, 13);
  assert.equal(stdout, "");
  assert.match(
    stderr,
    /^error: the agent is not running: nothing listens on .*none\.sock\nhint: systemctl start luksmith-agent/,
  );
});

test("--socket wins over LUKSMITH_SOCKET", async () => {
  const { stderr } = await runCli(["--socket", join(directory, "asked.sock"), "status"], {
    socket: "/environment.sock",
  });
  assert.match(stderr, /asked\.sock/);
});

test("no agent, with --json: the last line is an error object", async () => {
  const { exitCode, stdout, stderr } = await runCli(["ls", "home", "--json"], { socket: join(directory, "none.sock") });
  assert.equal(exitCode, 13);
  assert.match(stderr, /^error: /);
  const [object, ...more] = jsonLines(stdout);
  assert.deepEqual(more, []);
  assert.equal(object?.type, "error");
  assert.equal(object?.code, "unreachable");
  assert.equal(object?.exitCode, 13);
});

test("wrong usage with --json is an error object as well", async () => {
  for (const args of [["--json", "backup"], ["frobnicate", "--json"], ["--json"]]) {
    const { exitCode, stdout } = await runCli(args);
    assert.equal(exitCode, 2);
    assert.equal(jsonLines(stdout).at(-1)?.code, "usage");
  }
});

test("a socket that one may not use: who may, and how to become one", async (context) => {
  if (process.getuid?.() !== 0) return context.skip("needs to become another user");
  await using agent = await scriptedAgent({});
  await chmod(agent.directory, 0o755);
  await chmod(agent.socket, 0o660);
  const nobody = 65_534;
  const reach = spawnSync("setpriv", [`--reuid=${nobody}`, "--clear-groups", "test", "-x", process.execPath]);
  if (reach.status !== 0) return context.skip("the checkout lies where only root can go");
  const { exitCode, stderr } = await runCli(["status"], { ...agent, uid: nobody });
  assert.equal(exitCode, 1);
  assert.match(stderr, /^error: only root and members of the group luksmith may use .*\nhint: .*usermod -aG luksmith/);
  assert.deepEqual(agent.calls, []);
});

test("a file that is no socket", async () => {
  const socket = join(directory, "file");
  await writeFile(socket, "");
  assert.equal((await runCli(["jobs"], { socket })).exitCode, 13);
});

test("somebody else's socket: one that hangs up, and one that talks nonsense", async () => {
  const rude = createServer((connection) => connection.destroy());
  const strange = createServer((connection) => {
    connection.on("error", () => undefined).resume();
    connection.end("220 mail.example.net ESMTP\r\n");
  });
  for (const [name, server] of Object.entries({ rude, strange })) {
    const socket = join(directory, `${name}.sock`);
    await using _listening = await listening(server, socket);
    const { exitCode, stderr } = await runCli(["jobs"], { socket });
    assert.equal(exitCode, 13, stderr);
    assert.match(stderr, /closed the connection/);
    assert.doesNotMatch(stderr, /^ +at /m);
  }
});

test("an agent that is older than the program", async () => {
  const socket = join(directory, "old.sock");
  const server = new GrpcServer();
  await new Promise((resolve) => server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), resolve));
  const { exitCode, stderr } = await runCli(["jobs"], { socket });
  server.forceShutdown();
  assert.equal(exitCode, 1);
  assert.match(
    stderr,
    /^error: the agent does not know this command: it is older.*\nhint: systemctl restart luksmith-agent$/m,
  );
});

test("an error never has a stack, unless it is asked for", async () => {
  const socket = join(directory, "none.sock");
  assert.doesNotMatch((await runCli(["jobs"], { socket })).stderr, /^ +at /m);
  assert.match((await runCli(["jobs"], { socket, env: { LUKSMITH_DEBUG: "1" } })).stderr, /^ +at /m);
});

/** Runs it in a directory that has been removed. */
function runNowhere(args: string[], env: Record<string, string> = {}) {
  const script = 'mkdir gone && cd gone && rmdir "$PWD" && exec "$@"';
  const line = ["--norc", "-c", script, "bash", process.execPath, mainFile, ...args];
  return new CliProcess("bash", line, { cwd: directory, env }).ended;
}

test("a fault of the program itself is said in two lines", async () => {
  // where a relative path leads can not be found out here, which no part of the program expects
  const quiet = await runNowhere(["--socket", "x.sock", "jobs"]);
  assert.equal(quiet.exitCode, 1);
  assert.match(
    quiet.stderr,
    /^error: internal: something went wrong inside luksmith itself\nhint: .*LUKSMITH_DEBUG=1.*\n$/,
  );
  const loud = await runNowhere(["--socket", "x.sock", "jobs"], { LUKSMITH_DEBUG: "1" });
  assert.match(loud.stderr, /^ +at /m);
});

test("nothing is restored into a directory that is gone", async () => {
  const { exitCode, stderr } = await runNowhere(["--socket", "/none.sock", "restore", "home", "--to", "x"]);
  assert.equal(exitCode, 2);
  assert.match(stderr, /the directory that you are in is not there any more/);
});
