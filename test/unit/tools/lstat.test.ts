import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLookedAt } from "../../../agent/tools/lstat.ts";

test("what find says of paths is understood, whatever their names and links are", () => {
  const output = "/\0d 755 0 \0/a\n b\0l 777 1000 c\nd e\0/tmp\0d 1777 0 \0";
  assert.deepEqual(
    [...parseLookedAt(output)],
    [
      ["/", { mode: 0o755, uid: 0, link: undefined }],
      ["/a\n b", { mode: 0o777, uid: 1000, link: "c\nd e" }],
      ["/tmp", { mode: 0o1777, uid: 0, link: undefined }],
    ],
  );
  assert.deepEqual([...parseLookedAt("")], []);
  assert.throws(() => parseLookedAt("/\0nonsense\0"), { code: "tool_failed" });
});
