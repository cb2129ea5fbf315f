import assert from "node:assert/strict";
import { it } from "node:test";
import { labCacheDirectory } from "../../lab/harness/cache-directory.ts";

it("the lab's cache is where it was told to be, or root's, or the user's own", () => {
  assert.equal(labCacheDirectory({ LUKSMITH_LAB_CACHE: "/big" }, 0), "/big");
  assert.equal(labCacheDirectory({ HOME: "/root" }, 0), "/var/cache/luksmith-lab");
  assert.equal(labCacheDirectory({ HOME: "/home/a" }, 1000), "/home/a/.cache/luksmith-lab");
  assert.equal(labCacheDirectory({ HOME: "/home/a", XDG_CACHE_HOME: "/x" }, 1000), "/x/luksmith-lab");
});
