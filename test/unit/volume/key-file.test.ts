import assert from "node:assert/strict";
import { test } from "node:test";
import { keyFileFault } from "../../../agent/volume/key-file.ts";

const path = "/etc/luksmith/keys/home.key";
const good = { isFile: () => true, mode: 0o100400, uid: 0, size: 64 };
const ourUid = 0;

test("root's own, and nobody else can read it", () => {
  for (const mode of [0o100400, 0o100600, 0o100700, 0o104600]) {
    assert.equal(keyFileFault(path, { ...good, mode }, ourUid), undefined, mode.toString(8));
  }
  assert.equal(keyFileFault(path, { ...good, size: 8 * 2 ** 20 }, ourUid), undefined);
});

test("the key of whoever runs the agent, or root's", () => {
  assert.equal(keyFileFault(path, { ...good, uid: 1000 }, 1000), undefined);
  assert.equal(keyFileFault(path, good, 1000), undefined);
});

test("readable by others in any way: the chmod to type", () => {
  for (const bits of [0o040, 0o020, 0o010, 0o004, 0o002, 0o001, 0o077]) {
    const fault = keyFileFault(path, { ...good, mode: 0o100400 | bits }, ourUid);
    assert.equal(fault?.code, "config");
    assert.match(fault.message, new RegExp(`can be read by others \\(mode 04${bits.toString(8).padStart(2, "0")}\\)$`));
    assert.equal(fault.hint, `chmod 0400 ${path}`);
  }
});

const faults: readonly (readonly [Partial<typeof good>, string])[] = [
  [{ isFile: () => false }, `the key ${path} is not a regular file`],
  [{ uid: 1000 }, `the key file ${path} belongs to uid 1000, not to root`],
  [{ size: 0 }, `the key file ${path} is empty`],
  [{ size: 8 * 2 ** 20 + 1 }, `the key file ${path} is larger than 8 MiB`],
];

for (const [change, message] of faults) {
  test(message, () => {
    const fault = keyFileFault(path, { ...good, ...change }, ourUid);
    assert.equal(fault?.code, "config");
    assert.equal(fault.message, message);
  });
}
