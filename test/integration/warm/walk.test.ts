import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Walk } from "../../../agent/warm/walk.ts";

describe("a walk ahead of a reader", () => {
  const tree = async (root: string) => {
    for (const directory of ["a/b/c", "a/d", "e"]) await mkdir(join(root, directory), { recursive: true });
    for (const file of ["f0", "a/f1", "a/b/c/f2", "a/d/f3", "e/f4"]) await writeFile(join(root, file), "");
    await writeFile(Buffer.concat([Buffer.from(join(root, "e/")), Buffer.from([0xff, 0x0a])]), "");
    await symlink("/etc", join(root, "e", "link"));
  };

  it("sees each directory once and in the order of the reader, by one, and all of them by many", async () => {
    const root = await mkdtemp(join(tmpdir(), "luksmith-walk-"));
    try {
      await tree(root);
      for (const workers of [1, 8]) {
        const seen: string[] = [];
        const starts = [join(root, "missing"), root, join(root, "f0")].map((path) => Buffer.from(path));
        await new Walk(starts, workers, (directory, names) => {
          const files = names.map((name) => name.toString("latin1")).sort();
          seen.push([directory.toString().slice(root.length), ...files].join(" "));
        }).run();
        const own = seen.filter((line) => !line.startsWith("/missing") && !line.startsWith("/f0"));
        const expected = [" f0", "/a f1", "/a/b", "/a/b/c f2", "/a/d f3", "/e f4 ÿ\n"];
        assert.deepEqual(workers === 1 ? own : own.sort(), expected);
      }
    } finally {
      await rm(root, { recursive: true });
    }
  });

  it("has many under way", async () => {
    const root = await mkdtemp(join(tmpdir(), "luksmith-walk-"));
    try {
      for (let number = 0; number < 20; number += 1) await mkdir(join(root, `${number}`));
      let inside = 0;
      let most = 0;
      await new Walk([Buffer.from(root)], 8, async (directory) => {
        if (directory.equals(Buffer.from(root))) return;
        inside += 1;
        most = Math.max(most, inside);
        // none goes on before as many as there can be have come
        while (most < 8) await new Promise((resolve) => setImmediate(resolve));
        inside -= 1;
      }).run();
      assert.equal(most, 8);
    } finally {
      await rm(root, { recursive: true });
    }
  });
});
