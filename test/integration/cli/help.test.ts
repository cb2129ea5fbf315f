import assert from "node:assert/strict";
import { mkdtempDisposable, readFile, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { buildPrograms } from "../../../scripts/build.ts";
import { CliProcess, jsonLines, mainFile, runCli } from "./cli-process.ts";

const loadedModules = new URL("./loaded-modules.ts", import.meta.url).href;

const commands = [
  "backup",
  "cancel",
  "completion",
  "doctor",
  "drill",
  "enroll",
  "fleet",
  "fleet alerts test",
  "fleet apply",
  "fleet ca rotate",
  "fleet run",
  "fleet token create",
  "help",
  "jobs",
  "key",
  "key list",
  "key add",
  "key remove",
  "key rotate",
  "kit",
  "leave",
  "log",
  "ls",
  "pin",
  "prune",
  "remote",
  "remote trust",
  "remote setup",
  "remote check",
  "restore",
  "runs",
  "snapshots",
  "status",
  "unpin",
  "verify",
  "volume",
  "volume adopt",
  "volume check",
  "volume create",
  "volume list",
  "volume resize",
];

test("the help lists every command", async () => {
  const { exitCode, stdout, stderr } = await runCli(["--help"]);
  assert.equal(exitCode, 0);
  assert.equal(stderr, "");
  for (const command of commands.filter((name) => !name.includes(" "))) {
    assert.match(stdout, new RegExp(`^ {2}${command}\\b`, "m"));
  }
});

for (const command of commands) {
  test(`luksmith ${command} --help shows an example`, async () => {
    const { exitCode, stdout, stderr } = await runCli([...command.split(" "), "--help"]);
    assert.equal(exitCode, 0);
    assert.equal(stderr, "");
    assert.match(stdout, new RegExp(`^Examples?:[\\s\\S]*^ {2}luksmith ${command}`, "m"));
  });
}

test("without a command the help goes to standard error, and the exit code is 2", async () => {
  const { exitCode, stdout, stderr } = await runCli([]);
  assert.equal(exitCode, 2);
  assert.equal(stdout, "");
  assert.match(stderr, /First steps/);
});

test("the version, for people and for programs", async () => {
  const text = await runCli(["--version"]);
  assert.equal(text.exitCode, 0);
  assert.match(text.stdout, /^\d+\.\d+\.\d+\n$/);
  const json = await runCli(["--version", "--json"]);
  assert.deepEqual(jsonLines(json.stdout), [{ type: "version", version: text.stdout.trim() }]);
});

test("the help loads neither gRPC nor protobuf", async () => {
  const loaded = await loadedByHelp(mainFile);
  assert.ok(loaded.some((url) => url.endsWith("/cli/commands/backup.ts")));
  // a table of numbers, and nothing behind it
  const harmless = /@grpc\/grpc-js\/build\/src\/constants\.js$/;
  const heavy = loaded.filter(
    (url) => /@grpc|protobuf|proto\/gen|cli-table3|execa|pino/.test(url) && !harmless.test(url),
  );
  assert.deepEqual(heavy, []);
});

test("built, the help reads its own part of the program alone", async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), "luksmith-build-"));
  await buildPrograms(directory.path);
  const loaded = await loadedByHelp(join(directory.path, "luksmith.mjs"));
  const own = loaded.filter((url) => url.startsWith("file:"));
  assert.ok(own.length > 0);
  let bytes = 0;
  for (const url of own) bytes += (await stat(new URL(url))).size;
  // gRPC alone is a million
  assert.ok(bytes < 250_000, `${bytes} bytes in ${own.join(", ")}`);
  // imported as ES modules, these make Node load much that nobody asked for
  assert.deepEqual(
    loaded.filter((url) => url.startsWith("node:")),
    [],
  );
  // by the program or by Node's standard output: they would take longer than all the rest
  assert.deepEqual(
    loaded.filter((url) => /^loaded (?:net|child_process)$/.test(url)),
    [],
  );
});

/** @returns the URLs of all that was imported, of the program's own and Node's */
async function loadedByHelp(file: string): Promise<string[]> {
  await using directory = await mkdtempDisposable(join(tmpdir(), "luksmith-help-"));
  const env = { LOADED_MODULES: join(directory.path, "modules") };
  const argv = ["--import", loadedModules, file, "--help"];
  const { exitCode, stdout } = await new CliProcess(process.execPath, argv, { env }).ended;
  assert.equal(exitCode, 0);
  assert.match(stdout, /First steps/);
  return (await readFile(env.LOADED_MODULES, "utf8")).trimEnd().split("\n");
}
