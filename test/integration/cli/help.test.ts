import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { build } from "esbuild";
import { CliProcess, jsonLines, mainFile, runCli } from "./cli-process.ts";

const loadedModules = new URL("./loaded-modules.ts", import.meta.url).href;

const commands = [
  "backup",
  "cancel",
  "completion",
  "doctor",
  "help",
  "jobs",
  "log",
  "ls",
  "prune",
  "remote",
  "remote trust",
  "restore",
  "runs",
  "snapshots",
  "status",
  "verify",
  "volume",
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
  const directory = await mkdtemp(join(tmpdir(), "luksmith-help-"));
  try {
    const env = { LOADED_MODULES: join(directory, "modules") };
    const { exitCode } = await runCli(["--help"], { env, nodeOptions: ["--import", loadedModules] });
    assert.equal(exitCode, 0);
    const loaded = (await readFile(env.LOADED_MODULES, "utf8")).trimEnd().split("\n");
    assert.ok(loaded.some((url) => url.endsWith("/cli/commands/backup.ts")));
    // a table of numbers, and nothing behind it
    const harmless = /@grpc\/grpc-js\/build\/src\/constants\.js$/;
    const heavy = loaded.filter(
      (url) => /@grpc|protobuf|proto\/gen|cli-table3|execa|pino/.test(url) && !harmless.test(url),
    );
    assert.deepEqual(heavy, []);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("bundled, the help answers", async () => {
  const directory = await mkdtemp(join(tmpdir(), "luksmith-bundle-"));
  try {
    const outfile = join(directory, "luksmith.mjs");
    await build({
      entryPoints: [mainFile],
      outfile,
      bundle: true,
      platform: "node",
      format: "esm",
      target: "node24",
      banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    });
    const { exitCode } = await new CliProcess(process.execPath, [outfile, "--help"], {}).ended;
    assert.equal(exitCode, 0);
  } finally {
    await rm(directory, { recursive: true });
  }
});
