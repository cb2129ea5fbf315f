import assert from "node:assert/strict";
import { test } from "node:test";
import { InodeUse } from "../../../agent/look/inode-use.ts";

test("what several snapshots have is shared, each file counted once in each", () => {
  const use = new InodeUse(3);
  assert.ok(use.takesSingle("1 8", 0));
  assert.ok(!use.takesSingle("42:1 0 8", 0));
  // sorted by inode: 42:1 in two snapshots and twice in the first; 42:2 has two names in one snapshot
  for (const record of ["42:1 0 16", "42:1 0 16", "42:1 2 16", "42:2 1 2", "42:2 1 2"]) use.push(record);
  use.flush();
  assert.deepEqual(use.perSnapshot, [
    { bytes: 24 * 512, ownBytes: 8 * 512 },
    { bytes: 2 * 512, ownBytes: 2 * 512 },
    { bytes: 16 * 512, ownBytes: 0 },
  ]);
  assert.equal(use.together, 26 * 512);
});

test("nothing takes nothing", () => {
  const use = new InodeUse(1);
  use.flush();
  assert.deepEqual(use.perSnapshot, [{ bytes: 0, ownBytes: 0 }]);
});
