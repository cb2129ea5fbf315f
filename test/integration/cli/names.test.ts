import assert from "node:assert/strict";
import { test } from "node:test";
import { FileEntry_Type } from "../../../proto/gen/luksmith/v1/types.ts";
import { runningRun, sampleFile } from "../../unit/cli/samples.ts";
import { CliProcess, jsonLines, mainFile, runCli } from "./cli-process.ts";
import { scriptedAgent } from "./scripted-agent.ts";

const odd = [
  Buffer.from("-rf"),
  Buffer.from("two\nlines"),
  Buffer.from('it\'s "quoted"'),
  Buffer.from("\x1b[2J\x1b]0;owned\x07"),
  Buffer.from("caf\xe9", "latin1"),
  Buffer.from("\u202egnp.exe"),
];

test("names out of a snapshot never reach the terminal as commands", async () => {
  await using agent = await scriptedAgent({
    listFiles: (_request, send) => {
      for (const path of odd) send({ kind: { $case: "entry", value: sampleFile({ path }) } });
      const link = sampleFile({ type: FileEntry_Type.SYMLINK, path: Buffer.from("l"), target: Buffer.from("\x1b[2J") });
      send({ kind: { $case: "entry", value: link } });
    },
  });
  const long = await runCli(["ls", "home"], agent);
  assert.equal(long.exitCode, 0);
  assert.equal(long.stdout.trimEnd().split("\n").length, odd.length + 1);
  assert.doesNotMatch(long.stdout.replaceAll("\n", ""), /[\p{Cc}\p{Cf}]/u);

  const names = await runCli(["ls", "home", "--no-long"], agent);
  assert.deepEqual(names.stdout.trimEnd().split("\n"), [
    "$'\\x1b[2J\\x1b]0;owned\\x07'",
    "-rf",
    "$'caf\\xe9'",
    "$'it\\'s \"quoted\"'",
    "l",
    "$'two\\nlines'",
    "$'\\xe2\\x80\\xaegnp.exe'",
  ]);

  const json = await runCli(["ls", "home", "--json"], agent);
  assert.doesNotMatch(json.stdout.replaceAll("\n", ""), /[\p{Cc}\p{Cf}]/u);
  const seen = jsonLines(json.stdout).map(({ path, pathBase64 }) =>
    pathBase64 === undefined ? Buffer.from(String(path)) : Buffer.from(String(pathBase64), "base64"),
  );
  assert.deepEqual(seen, [...odd, Buffer.from("l")].sort(Buffer.compare));
});

test("ls --print0 | restore --paths0-from -: every name survives", async () => {
  const restored: Buffer[] = [];
  await using agent = await scriptedAgent({
    listFiles: (_request, send) => {
      for (const path of odd) send({ kind: { $case: "entry", value: sampleFile({ path }) } });
    },
    restore: ({ paths }) => {
      restored.push(...paths);
      return { run: runningRun() };
    },
  });
  const env = { LUKSMITH_SOCKET: agent.socket };
  const luksmith = `'${process.execPath}' '${mainFile}'`;
  const pipe = `${luksmith} ls home --print0 | ${luksmith} restore home --paths0-from - --to /tmp/back --detach`;
  const { exitCode } = await new CliProcess("bash", ["-c", pipe], { env }).ended;
  assert.equal(exitCode, 0);
  assert.deepEqual(restored, odd.toSorted(Buffer.compare));
});

test("names on the command line arrive as the bytes that they are", async () => {
  const requests: { paths: Buffer[]; target: Buffer }[] = [];
  const listed: Buffer[] = [];
  await using agent = await scriptedAgent({
    restore: ({ paths, target }) => {
      requests.push({ paths, target });
      return { run: runningRun() };
    },
    listFiles: ({ path }) => void listed.push(path),
  });
  // only a shell can pass arguments that are not UTF-8
  const env = { LUKSMITH_SOCKET: agent.socket };
  const shell = (line: string) =>
    new CliProcess("bash", ["-c", `cd /tmp && '${process.execPath}' '${mainFile}' ${line}`], { env }).ended;
  const restore = await shell("restore home --detach --to=$'b\\xe9' -- -rf $'caf\\xe9' $'two\\nlines' --to");
  assert.equal(restore.exitCode, 0, restore.stderr);
  assert.equal((await shell("ls home $'caf\\xe8'")).exitCode, 0);
  assert.equal((await shell("ls home -- -notes")).exitCode, 0);
  assert.equal((await shell("ls home")).exitCode, 0);
  assert.deepEqual(requests, [
    {
      paths: [Buffer.from("-rf"), Buffer.from("caf\xe9", "latin1"), Buffer.from("two\nlines"), Buffer.from("--to")],
      target: Buffer.from("/tmp/b\xe9", "latin1"),
    },
  ]);
  assert.deepEqual(listed, [Buffer.from("caf\xe8", "latin1"), Buffer.from("-notes"), Buffer.alloc(0)]);
});

test("a list of names that is empty restores nothing", async () => {
  await using agent = await scriptedAgent({});
  for (const stdin of ["", "\0\0"]) {
    const { exitCode, stderr } = await runCli(["restore", "home", "--to", "/tmp/x", "--paths0-from", "-"], {
      ...agent,
      stdin,
    });
    assert.equal(exitCode, 2);
    assert.match(stderr, /no file name in standard input/);
  }
  assert.deepEqual(agent.calls, []);
});

test("a list of names that is missing, or too long", async () => {
  await using agent = await scriptedAgent({});
  const missing = await runCli(["restore", "home", "--to", "/tmp/x", "--paths0-from", "/nonexistent"], agent);
  assert.equal(missing.exitCode, 2);
  assert.match(missing.stderr, /could not read "\/nonexistent": no such file/);
  const stdin = Buffer.alloc(5 * 2 ** 20, "x");
  const long = await runCli(["restore", "home", "--to", "/tmp/x", "--paths0-from", "-"], { ...agent, stdin });
  assert.equal(long.exitCode, 2);
  assert.match(long.stderr, /too many file names/);
  assert.deepEqual(agent.calls, []);
});
