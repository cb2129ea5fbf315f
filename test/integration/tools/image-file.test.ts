import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { statRemote } from "../../../agent/tools/remote-file.ts";
import { missingImage, requireImage } from "../../../agent/transport/sshfs/image-file.ts";
import { makeExec } from "../../../common/exec.ts";
import { scratch, writeFile } from "./scratch.ts";

const { exec } = makeExec();
const signal = new AbortController().signal;

test("a sparse image on its file system", async (context) => {
  const directory = scratch(context);
  const path = join(directory, "-home .luks");
  writeFile(path, "header");
  truncateSync(path, 2 ** 40);
  const [stat, above] = await Promise.all([statRemote(exec, path, signal), statRemote(exec, directory, signal)]);
  assert.ok(stat && above);
  assert.equal(stat.bytes, 2 ** 40);
  assert.ok(stat.allocatedBytes > 0 && stat.allocatedBytes < 1 << 20);
  assert.match(stat.device, /^\d+:\d+$/);
  requireImage(stat, { name: "home.luks", remote: "vault", device: above.device, bytes: 2 ** 40 });
});

test("what a hostile host shows in its place is refused by its right name", async (context) => {
  const directory = scratch(context);
  const [good, link, fifo] = ["good", "link", "fifo"].map((name) => join(directory, name));
  assert.ok(good && link && fifo);
  writeFile(good);
  symlinkSync(good, link);
  await exec({ file: "mkfifo", args: [fifo] });
  const device = (await statRemote(exec, good, signal))?.device ?? "";
  for (const [path, what] of [
    [link, /is a symbolic link, not a regular file/],
    [fifo, /is a FIFO, not a regular file/],
    [directory, /is a directory, not a regular file/],
    ["/dev/null", /is a character device, not a regular file/],
    ["/proc/self/cmdline", /is not on the backup host's file system/],
  ] as const) {
    const stat = await statRemote(exec, path, signal);
    assert.ok(stat);
    assert.throws(() => requireImage(stat, { name: "home.luks", remote: "vault", device, bytes: 0 }), {
      code: "tampered",
      message: what,
    });
  }
});

test("an image that is not there, and a directory that is not", async (context) => {
  const directory = scratch(context);
  mkdirSync(join(directory, "images"));
  assert.equal(await statRemote(exec, join(directory, "images", "home.luks"), signal), undefined);
  const missing = async (name: string) =>
    (await missingImage(exec, join(directory, name), "home.luks", "vault", signal)).message;
  assert.equal(await missing("images"), "there is no image home.luks on vault");
  assert.equal(await missing("none"), "the directory of vault is not there on the backup host");
});
