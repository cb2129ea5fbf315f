import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { test } from "node:test";
import { Difference, FoundPath, type ReadFileRequest } from "../../../proto/gen/luksmith/v1/looking.ts";
import { RunState, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { runningRun, sampleEvent, sampleFile, sampleRun } from "../../unit/cli/samples.ts";
import { jsonLines, mainFile, runCli, startCliOnTerminal, untilOutputIsFull } from "./cli-process.ts";
import { type Script, scriptedAgent } from "./scripted-agent.ts";

const run = runningRun({ verb: Verb.CAT });
const started = { kind: { $case: "event", value: sampleEvent({ $case: "started", value: { run } }) } } as const;
const ended = (changes: Parameters<typeof sampleRun>[0] = {}) =>
  ({
    kind: { $case: "event", value: sampleEvent({ $case: "ended", value: { run: sampleRun(changes) } }, 2) },
  }) as const;
const data = (value: Buffer) => ({ kind: { $case: "data", value } }) as const;

function reading(pieces: readonly Buffer[], end = ended()): Script {
  return {
    readFile: (_request, send) => {
      send(started);
      for (const piece of pieces) send(data(piece));
      send(end);
    },
  };
}

/** Its standard output as bytes, read from the moment that `begin` resolves. */
async function bytesOf(
  args: readonly string[],
  socket: string,
  begin = async (_child: ReturnType<typeof spawn>) => {},
) {
  const child = spawn(process.execPath, [mainFile, ...args], {
    env: { PATH: process.env.PATH, LUKSMITH_SOCKET: socket },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exit = once(child, "close");
  await begin(child);
  const stdout: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => void stdout.push(chunk));
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [exitCode] = await exit;
  return { exitCode, stdout: Buffer.concat(stdout), stderr };
}

test("cat: a file's bytes, and nothing else, however slow its reader is", async () => {
  const pieces = Array.from({ length: 50 }, () => randomBytes(60_000));
  await using agent = await scriptedAgent(reading(pieces));
  for (const args of [
    ["cat", "home", "/etc/x"],
    ["restore", "home", "/etc/x", "--stdout"],
  ]) {
    const { exitCode, stdout, stderr } = await bytesOf(args, agent.socket, untilOutputIsFull);
    assert.equal(exitCode, 0, stderr);
    assert.ok(stdout.equals(Buffer.concat(pieces)));
  }
});

test("cat: what was typed arrives; what failed is told by the exit code", async () => {
  const requests: ReadFileRequest[] = [];
  const error = { code: "lost", message: "the connection broke", hint: "" };
  await using agent = await scriptedAgent({
    readFile: (request, send) => {
      requests.push(request);
      send(started);
      send(data(Buffer.from("half of ")));
      send(ended({ state: RunState.FAILED, error }));
    },
  });
  const { exitCode, stdout, stderr } = await bytesOf(["cat", "home@2026-11-22", "/etc/x"], agent.socket);
  assert.equal(exitCode, 13);
  assert.equal(`${stdout}`, "half of ");
  assert.match(stderr, /error: the connection broke/);
  const expected = { job: "home", snapshot: "2026-11-22", path: Buffer.from("/etc/x"), acceptRollback: false };
  assert.deepEqual(requests, [expected]);
  const json = await runCli(["cat", "home", "/etc/x", "--json"], agent);
  assert.equal(json.exitCode, 2);
  assert.equal(requests.length, 1);
});

test("cat: a terminal gets text alone, unless it is to get all", async () => {
  await using agent = await scriptedAgent(reading([Buffer.from("plain\n"), Buffer.from("\x1b[2Jboo\n")]));
  const refused = await startCliOnTerminal(["cat", "home", "/etc/x"], 80, agent).ended;
  assert.equal(refused.exitCode, 2);
  assert.match(refused.stdout, /plain/);
  assert.match(refused.stdout, /not plain text/);
  assert.doesNotMatch(refused.stdout, /boo/);
  const forced = await startCliOnTerminal(["cat", "home", "/etc/x", "--force"], 80, agent).ended;
  assert.equal(forced.exitCode, 0);
  assert.match(forced.stdout, /boo/);
});

test("diff and find: a line for people, an object for programs, and what was asked for", async () => {
  const requests: unknown[] = [];
  await using agent = await scriptedAgent({
    diffSnapshots: (request, send) => {
      requests.push(request);
      send(started);
      send({
        kind: { $case: "difference", value: Difference.create({ after: sampleFile({ path: Buffer.from("a\x1b") }) }) },
      });
      send(ended({ summary: "1 added, 0 removed, 0 changed" }));
    },
    findFiles: (request, send) => {
      requests.push(request);
      send(started);
      send({ kind: { $case: "found", value: FoundPath.create({ path: Buffer.from("etc/x"), goneIn: "b" }) } });
      send(ended());
    },
  });
  const diff = await runCli(["diff", "home", "2026-11-22", "--path", "/etc", "--content"], agent);
  assert.equal(diff.exitCode, 0, diff.stderr);
  assert.equal(diff.stdout, "added    $'a\\x1b'  (1.21 KiB)\n");
  assert.match(diff.stderr, /1 added, 0 removed/);
  const find = await runCli(["find", "home", "-i", "X*", "--json"], agent);
  assert.deepEqual(
    jsonLines(find.stdout).map(({ type }) => type),
    ["run_started", "found", "run_ended"],
  );
  assert.deepEqual(requests, [
    {
      ...{ job: "home", before: "2026-11-22", after: "", path: Buffer.from("/etc") },
      ...{ content: true, acceptRollback: false },
    },
    { job: "home", snapshot: "", pattern: "X*", ignoreCase: true, acceptRollback: false },
  ]);
});
