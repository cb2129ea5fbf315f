import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants, mkdtempDisposableSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { execa } from "execa";
import { mainFile, runCli, untilOutputIsFull } from "./cli-process.ts";

test("into a pipe that is full and does not block, as another owner of it can make it", async () => {
  using directory = mkdtempDisposableSync(join(tmpdir(), "luksmith-output-"));
  const fifo = join(directory.path, "fifo");
  await execa("mkfifo", [fifo]);
  const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  // opened anew, so that it stays as it is whatever the program does to its own
  const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  fill(fd);
  const errors = join(directory.path, "errors");
  // as 3, since Node makes its children's standard output block
  const command = ["-c", 'exec "$@" >&3', "sh", process.execPath, mainFile, "--help"];
  const child = spawn("sh", command, { stdio: ["ignore", "ignore", openSync(errors, "w"), fd] });
  const ended = once(child, "exit");
  await untilOutputIsFull(child);
  let read = "";
  while (child.exitCode === null && child.signalCode === null) {
    read += drain(reader, 65_536);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await ended;
  read += drain(reader, 65_536);
  assert.equal(readFileSync(errors, "utf8"), "");
  assert.equal(child.exitCode, 0);
  const { stdout } = await runCli(["--help"]);
  assert.equal(read.replace(/^x+/, ""), stdout);
});

test("a file that can not grow: the error says so, and the exit code is not 0", async () => {
  using directory = mkdtempDisposableSync(join(tmpdir(), "luksmith-output-"));
  const [out, errors] = [join(directory.path, "out"), join(directory.path, "errors")];
  assert.equal(await limited(100, ["--help"], out, errors), 1);
  assert.match(readFileSync(errors, "utf8"), /^error: could not write the output: EFBIG/);
  assert.equal(readFileSync(out).length, 100);
});

test("nobody to tell an error: the exit code remains", async () => {
  using directory = mkdtempDisposableSync(join(tmpdir(), "luksmith-output-"));
  assert.equal(await limited(0, ["no-such-command"], "/dev/null", join(directory.path, "errors")), 2);
});

/** Runs it where no file may become larger than `bytes`. @returns its exit code */
async function limited(bytes: number, args: string[], stdout: string, stderr: string): Promise<number | null> {
  const command = [`--fsize=${bytes}`, process.execPath, mainFile, ...args];
  const child = spawn("prlimit", command, { stdio: ["ignore", openSync(stdout, "w"), openSync(stderr, "w")] });
  await once(child, "exit");
  return child.exitCode;
}

/** Until no more goes in. */
function fill(fd: number): void {
  const page = Buffer.alloc(4096, "x");
  try {
    while (true) writeSync(fd, page);
  } catch {
    // EAGAIN
  }
}

/** What is there, up to so many bytes. */
function drain(fd: number, most: number): string {
  const buffer = Buffer.alloc(most);
  try {
    return buffer.toString("latin1", 0, readSync(fd, buffer));
  } catch {
    return "";
  }
}
