import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { LineFiles } from "../../../agent/audit/line-files.ts";
import { systemClock } from "../../../common/clock.ts";
import { waitUntil } from "../../../common/wait-until.ts";

function scratch(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "luksmith-audit-"));
  context.after(() => rmSync(directory, { recursive: true }));
  return join(directory, "audit");
}

function lineFiles(context: TestContext, directory: string, fileBytes = 100, fullFiles = 3): LineFiles {
  const files = new LineFiles(directory, { fileBytes, fullFiles });
  context.after(() => files.close());
  return files;
}

async function allLines(files: LineFiles, first: "oldest" | "newest" = "oldest"): Promise<string[][]> {
  const found: string[][] = [];
  for (const lines of files.read(first)) found.push(await Array.fromAsync(lines));
  return found;
}

test("files are root's alone, full ones are numbered, and the oldest go", async (context) => {
  const directory = scratch(context);
  const files = lineFiles(context, directory);
  const umaskBefore = process.umask(0);
  context.after(() => process.umask(umaskBefore));
  for (let number = 10; number < 70; number += 1) files.append(`line ${number} of nineteen`);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  const names = readdirSync(directory).toSorted();
  assert.deepEqual(names, ["audit-000009.jsonl", "audit-000010.jsonl", "audit-000011.jsonl", "audit.jsonl"]);
  for (const name of names) {
    const { mode, size } = statSync(join(directory, name));
    assert.equal(mode & 0o777, 0o600);
    assert.ok(size <= 100, `${name}: ${size}`);
  }
  const lines = (await allLines(files)).flat();
  assert.deepEqual(
    lines,
    Array.from({ length: lines.length }, (_, index) => `line ${70 - lines.length + index} of nineteen`),
  );
  assert.ok(lines.length >= 13);
  assert.deepEqual((await allLines(files, "newest")).toReversed().flat(), lines);
});

test("a line that is longer than a file has one of its own", async (context) => {
  const files = lineFiles(context, scratch(context));
  for (const line of ["a", "x".repeat(500), "b"]) files.append(line);
  assert.deepEqual(await allLines(files), [["a"], ["x".repeat(500)], ["b"]]);
});

test("what a crash left of a line stays a line of its own", async (context) => {
  const directory = scratch(context);
  lineFiles(context, directory).append('{"whole":1}');
  appendFileSync(join(directory, "audit.jsonl"), '{"tor');
  const files = lineFiles(context, directory);
  files.append('{"whole":2}');
  assert.deepEqual(await allLines(files), [['{"whole":1}', '{"tor', '{"whole":2}']]);
});

test("a crash between the renaming and the next line leaves everything readable", async (context) => {
  const directory = scratch(context);
  const files = lineFiles(context, directory);
  files.append("before");
  renameSync(files.path, join(directory, "audit-000001.jsonl"));
  assert.deepEqual(await allLines(files), [["before"]]);
  files.append("after");
  assert.deepEqual(await allLines(files), [["before"], ["after"]]);
});

test("what an administrator moves away or removes is begun anew", async (context) => {
  const files = lineFiles(context, scratch(context));
  files.append("one");
  renameSync(files.path, `${files.path}.old`);
  files.append("two");
  rmSync(files.path);
  files.append("three");
  assert.deepEqual(await allLines(files), [["three"]]);
  rmSync(files.directory, { recursive: true });
  files.append("four");
  assert.deepEqual(await allLines(files), [["four"]]);
});

test("a link in its place is not followed, and nothing but a file is written to", (context) => {
  const directory = scratch(context);
  mkdirSync(directory);
  const victim = join(directory, "victim");
  writeFileSync(victim, "");
  const files = lineFiles(context, directory);
  symlinkSync(victim, files.path);
  assert.throws(() => files.append("x"), { code: "ELOOP" });
  rmSync(files.path);
  mkdirSync(files.path);
  assert.throws(() => files.append("x"), { code: "EISDIR" });
  assert.equal(readFileSync(victim, "utf8"), "");
  rmSync(files.path, { recursive: true });
  files.append("x");
});

for (const first of ["oldest", "newest"] as const) {
  test(`whoever reads, the ${first} first, is not disturbed by what is written meanwhile, and comes to an end`, async (context) => {
    const files = lineFiles(context, scratch(context), 100, 100);
    for (let number = 0; number < 20; number += 1) files.append(`early line ${number}`);
    const read: string[][] = [];
    for (const lines of files.read(first)) {
      for (let number = 0; number < 20; number += 1) files.append(`late line ${number}`);
      read.push(await Array.fromAsync(lines));
    }
    const lines = (first === "oldest" ? read : read.toReversed()).flat();
    assert.deepEqual(
      lines.slice(0, 20),
      Array.from({ length: 20 }, (_, index) => `early line ${index}`),
    );
    // what came into the file that was the newest
    assert.ok(lines.length < 27, `${lines.length}`);
  });
}

test("killed while it writes and begins files, no line is lost or torn", { timeout: 120_000 }, async (context) => {
  const directory = scratch(context);
  const script = fileURLToPath(new URL("./endless-lines.ts", import.meta.url));
  const files = lineFiles(context, directory);
  let next = 0;
  for (let round = 0; round < 4; round += 1) {
    const child = spawn(process.execPath, [script, directory, `${next}`], { stdio: "ignore" });
    const enough = join(directory, `audit-${`${(round + 1) * 20}`.padStart(6, "0")}.jsonl`);
    assert.ok(await waitUntil(systemClock, 60_000, async () => existsSync(enough)));
    child.kill("SIGKILL");
    await once(child, "exit");
    const numbers = (await allLines(files)).flat().map((line) => JSON.parse(line).number);
    assert.deepEqual(
      numbers,
      Array.from({ length: numbers.length }, (_, index) => index),
    );
    next = numbers.length;
  }
  assert.ok(next > 100);
});
