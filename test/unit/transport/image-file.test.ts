import assert from "node:assert/strict";
import { test } from "node:test";
import { requireImage } from "../../../agent/transport/sshfs/image-file.ts";
import { LuksmithError } from "../../../common/errors.ts";

const expected = { name: "home.luks", remote: "vault", device: "0:52", bytes: 2 ** 30 };
const good = { mode: 0o100600, bytes: 2 ** 30, device: "0:52" };

test("a regular file on that very mount, as large as it was or larger", () => {
  requireImage(good, expected);
  requireImage({ ...good, bytes: 2 ** 30 + 1 }, expected);
  requireImage({ ...good, mode: 0o104777 }, expected);
});

const refused: readonly (readonly [Partial<typeof good>, string])[] = [
  [{ mode: 0o120777 }, "is a symbolic link, not a regular file"],
  [{ mode: 0o040755 }, "is a directory, not a regular file"],
  [{ mode: 0o060660 }, "is a block device, not a regular file"],
  [{ mode: 0o020660 }, "is a character device, not a regular file"],
  [{ mode: 0o010600 }, "is a FIFO, not a regular file"],
  [{ mode: 0o140600 }, "is a socket, not a regular file"],
  [{ mode: 0 }, "is of an unknown type, not a regular file"],
  [{ mode: Number.NaN }, "is of an unknown type, not a regular file"],
  [{ device: "8:1" }, "is not on the backup host's file system"],
  [{ device: "" }, "is not on the backup host's file system"],
  [{ bytes: 2 ** 30 - 1 }, "has been truncated: 1.00 GiB are there of 1.00 GiB"],
  [{ bytes: 0 }, "has been truncated: 0 B are there of 1.00 GiB"],
];

for (const [change, what] of refused) {
  test(`refused: ${what} ${JSON.stringify(change)}`, () => {
    assert.throws(
      () => requireImage({ ...good, ...change }, expected),
      (error) =>
        error instanceof LuksmithError &&
        error.code === "tampered" &&
        error.message === `the image home.luks on vault ${what}`,
    );
  });
}
