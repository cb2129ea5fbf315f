/** The program itself, on files of this machine: that it ends, whatever it meets. What it is good for is seen in the lab. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

describe("the warmer", () => {
  let root = "";
  before(async () => {
    root = await mkdtemp(join(tmpdir(), "luksmith-warmer-"));
    for (let number = 0; number < 600; number += 1) {
      const directory = join(root, `${number % 7}`);
      await mkdir(directory, { recursive: true });
      await writeFile(join(directory, `f${number}`), "x".repeat(number));
    }
  });
  after(() => rm(root, { recursive: true }));

  const start = (...records: string[]): ChildProcess => {
    const child = spawn(process.execPath, ["agent/warm/main.ts"], {
      env: { UV_THREADPOOL_SIZE: "8" },
      stdio: ["pipe", "inherit", "inherit"],
    });
    child.stdin?.write(records.map((record) => `${record}\0`).join(""));
    return child;
  };
  const codeOf = async (child: ChildProcess) => (await once(child, "exit"))[0];

  it("reads what is there, and ends", async () => {
    for (const what of ["directories", "files"]) assert.equal(await codeOf(start(what, root, "/missing", "", "")), 0);
  });

  it("waits for a reader that is far behind, and ends with its input", async () => {
    // a hole is as good as what it stands for
    await writeFile(join(root, "0", "a-large-one"), "");
    await truncate(join(root, "0", "a-large-one"), 2 ** 40);
    const child = start("files", root, "", "", "1000");
    let isOver = false;
    const code = codeOf(child).then((ended) => {
      isOver = true;
      return ended;
    });
    const other = start("directories", root, "", "");
    assert.equal(await codeOf(other), 0);
    assert.equal(isOver, false);
    child.stdin?.end();
    assert.equal(await code, 0);
  });

  it("goes on when the reader has come near", async () => {
    const child = start("files", root, "", "", "1000");
    child.stdin?.write(`${2 ** 41}\0`);
    assert.equal(await codeOf(child), 0);
  });

  it("waits for nobody on account of what it is told to pass over", async () => {
    const child = start("files", root, "", join(root, "1"), join(root, "0", "f7"), "", "1000");
    assert.equal(await codeOf(child), 0);
  });
});
