import assert from "node:assert/strict";
import { test } from "node:test";
import { absolute, targetDirectory } from "../../../cli/target-directory.ts";

const bytes = (text: string) => Buffer.from(text, "latin1");
const table: [working: string, asked: string, target: string][] = [
  ["/srv", "back", "/srv/back"],
  ["/srv", "/tmp/back/", "/tmp/back"],
  ["/srv/a", "../b", "/srv/b"],
  ["/srv", ".", "/srv"],
  ["/", "-x", "/-x"],
  ["/caf\xe9", "\xff/..\xfe", "/caf\xe9/\xff/..\xfe"],
];

for (const [working, asked, target] of table) {
  test(`${JSON.stringify(asked)} in ${JSON.stringify(working)}`, () => {
    assert.deepEqual(absolute(bytes(working), bytes(asked)), bytes(target));
  });
}

test("the working directory is this one", () => {
  assert.deepEqual(targetDirectory(Buffer.from("x")), Buffer.from(`${process.cwd()}/x`));
});

test("an empty name is refused", () => {
  assert.throws(() => targetDirectory(Buffer.alloc(0)), { code: "usage" });
});
