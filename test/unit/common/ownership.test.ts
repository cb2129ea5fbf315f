import assert from "node:assert/strict";
import { test } from "node:test";
import { directoryFault, ownershipFault } from "../../../common/ownership.ts";

const file = 0o100000;
const directory = 0o040000;

const files: readonly (readonly [number, number, number, string | undefined])[] = [
  [0o644, 0, 0, undefined],
  [0o600, 0, 1000, undefined],
  [0o600, 1000, 1000, undefined],
  [0o600, 1000, 0, "FILE belongs to uid 1000, who could change it"],
  [0o664, 0, 0, "FILE can be written by others than its owner (mode 0664)"],
  [0o602, 0, 0, "FILE can be written by others than its owner (mode 0602)"],
  [0o1666, 0, 0, "FILE can be written by others than its owner (mode 1666)"],
];

for (const [mode, uid, ourUid, expected] of files) {
  test(`a file of uid ${uid}, mode ${mode.toString(8)}, read by ${ourUid}`, () => {
    assert.equal(ownershipFault("FILE", { mode: file | mode, uid }, ourUid)?.message, expected);
  });
}

test("the hint is the command that makes it right", () => {
  assert.equal(ownershipFault("FILE", { mode: 0o666, uid: 0 }, 0)?.hint, "chmod go-w FILE");
  assert.equal(ownershipFault("FILE", { mode: 0o644, uid: 7 }, 0)?.hint, "chown root FILE");
});

test("a directory that others can write to will do only when it is sticky", () => {
  assert.equal(directoryFault("/d", { mode: directory | 0o755, uid: 0 }, 0), undefined);
  assert.equal(directoryFault("/tmp", { mode: directory | 0o1777, uid: 0 }, 0), undefined);
  assert.match(directoryFault("/d", { mode: directory | 0o775, uid: 0 }, 0)?.message ?? "", /can be written by others/);
  assert.match(directoryFault("/tmp", { mode: directory | 0o1777, uid: 7 }, 0)?.message ?? "", /belongs to uid 7/);
});
