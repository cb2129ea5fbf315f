import assert from "node:assert/strict";
import { test } from "node:test";
import { ChangeCollector, Outstanding } from "../../../agent/backup/changes.ts";

function collect(...items: [changes: string, path: string][]) {
  const collector = new ChangeCollector();
  for (const [changes, path] of items) collector.add({ changes, size: 0, path: Buffer.from(path, "latin1") });
  const found = collector.changes();
  if (found === undefined) return undefined;
  const sorted = (paths: readonly Buffer[]) => paths.map((path) => path.toString("latin1")).sort();
  return { remove: sorted(found.remove), copy: sorted(found.copy.map(({ path }) => path)) };
}

test("rsync shows paths with a slash in front, but for those that it deletes", () => {
  assert.deepEqual(collect([">f+++++++++", "/srv/x/"], ["*deleting", "srv/y"], [".d..t......", "/srv/"]), {
    remove: ["srv/x", "srv/y"],
    copy: ["srv", "srv/x"],
  });
});

test("nothing changed", () => {
  assert.deepEqual(collect(), { remove: [], copy: [] });
});

test("a file that changed in any way is taken out and copied, a directory only copied", () => {
  assert.deepEqual(
    collect(
      [">f.st......", "srv/content"],
      [">f+++++++++", "srv/new"],
      [".f...p.....", "srv/mode"],
      [".f.......a.", "srv/acl"],
      ["cL+++++++++", "srv/link"],
      [".L....og...", "srv/owner-of-a-link"],
      ["cD+++++++++", "srv/device"],
      [".d..t......", "srv/"],
    ),
    {
      remove: ["srv/acl", "srv/content", "srv/device", "srv/link", "srv/mode", "srv/new", "srv/owner-of-a-link"],
      copy: ["srv", "srv/acl", "srv/content", "srv/device", "srv/link", "srv/mode", "srv/new", "srv/owner-of-a-link"],
    },
  );
});

test("what is gone is taken out, and its directory gets its time back", () => {
  assert.deepEqual(collect(["*deleting", "srv/a/gone"]), { remove: ["srv/a/gone"], copy: ["srv/a"] });
  assert.deepEqual(collect(["*deleting", "srv/a/b/x"], ["*deleting", "srv/a/b/"], ["*deleting", "srv/a/"]), {
    remove: ["srv/a"],
    copy: ["srv"],
  });
});

test("what was a link and is a directory now goes before anything below it is touched", () => {
  assert.deepEqual(collect(["cd+++++++++", "srv/d/"], [">f+++++++++", "srv/d/passwd"]), {
    remove: ["srv/d"],
    copy: ["srv/d", "srv/d/passwd"],
  });
});

test("what was a directory and is a file now", () => {
  assert.deepEqual(collect(["*deleting", "srv/d/x"], ["*deleting", "srv/d/"], [">f+++++++++", "srv/d"]), {
    remove: ["srv/d"],
    copy: ["srv", "srv/d"],
  });
});

test("what is to be copied is known by its type", () => {
  const collector = new ChangeCollector();
  for (const [changes, path] of [
    [">f+++++++++", "a/f"],
    ["cL+++++++++", "a/l"],
    ["*deleting", "b/x"],
  ] as const) {
    collector.add({ changes, size: 0, path: Buffer.from(path) });
  }
  const types = collector.changes()?.copy.map(({ path, type }) => `${type} ${path}`);
  assert.deepEqual(types, ["f a/f", "L a/l", "d b"]);
});

test("bytes that are no text are kept", () => {
  assert.deepEqual(collect([">f+++++++++", "srv/\xff\n"]), { remove: ["srv/\xff\n"], copy: ["srv/\xff\n"] });
});

test("a change among hard links is none of ours", () => {
  assert.equal(collect([">f.st......", "a"], ["hf.st......", "b"]), undefined);
});

test("a change of the root directory is none of ours", () => {
  assert.equal(collect([".d..t......", "./"]), undefined);
  assert.equal(collect(["*deleting", "top"]), undefined);
});

test("a path whose rule might be too long for rsync is none of ours", () => {
  assert.equal(collect([">f+++++++++", "*".repeat(2001)]), undefined);
});

test("very many changes are none of ours", () => {
  const collector = new ChangeCollector();
  for (let index = 0; index < 250_000; index += 1) {
    collector.add({ changes: ">f+++++++++", size: 1, path: Buffer.from(`srv/${index}`) });
  }
  assert.equal(collector.changes(), undefined);
});

test("what is to be made anew is crossed off when it was made, as what it was", () => {
  const collector = new ChangeCollector();
  const item = (changes: string, path: string) => ({ changes, size: 0, path: Buffer.from(path) });
  for (const [changes, path] of [
    [">f.st......", "/srv/file"],
    ["cd+++++++++", "/srv/new/"],
    [".d..t......", "/srv/"],
  ] as const) {
    collector.add(item(changes, path));
  }
  const outstanding = new Outstanding(collector.changes()?.copy ?? []);
  outstanding.crossOff(item(">f.st......", "/srv/file"));
  outstanding.crossOff(item("cd+++++++++", "/srv/file/"));
  outstanding.crossOff(item("cd+++++++++", "/srv/new/"));
  assert.equal(outstanding.isEmpty, false, "a file that was there, or is a directory now, is not the new one");
  outstanding.crossOff(item(">f+++++++++", "/srv/file"));
  assert.equal(outstanding.isEmpty, true, "of a directory that was there nothing has to be heard");
});
