import assert from "node:assert/strict";
import { test } from "node:test";
import { besidePath, parseUnderWay, underWayName } from "../../../agent/restore/under-way.ts";
import { copiedBytes } from "../../../agent/tools/dd.ts";

const aside = ".luksmith-0123456789abcdef";

test("where each belongs", () => {
  const output = [`17 /to/home/alice/${aside}/big.iso`, `0 /to/${aside}/a b\n`, `5 /to/x/${aside}/ö`]
    .map((record) => `${Buffer.from(record).toString("latin1")}\0`)
    .join("");
  assert.deepEqual(parseUnderWay(output, "/to", aside), [
    { directory: "home/alice", name: "big.iso", bytes: 17 },
    { directory: "", name: "a b\n", bytes: 0 },
    { directory: "x", name: "ö", bytes: 5 },
  ]);
});

const passedOver = [
  `1 /other/${aside}/x`,
  `1 ${aside}/x`,
  "",
  "x",
  `1 /to/${aside}`,
  `1 /to/a/${aside}/sub/file`,
  "1 /to/a/.luksmith-ffffffffffffffff/file",
  `-1 /to/${aside}/x`,
  `1 /to/${aside}/\xff`,
];
for (const record of passedOver) {
  test(`${JSON.stringify(record)} is none`, () => assert.deepEqual(parseUnderWay(`${record}\0`, "/to", aside), []));
}

test("each restore has a name of its own", () => {
  assert.match(underWayName(), /^\.luksmith-[0-9a-f]{16}$/);
  assert.notEqual(underWayName(), underWayName());
});

test("how far dd has come", () => {
  assert.equal(
    copiedBytes("131072 bytes (131 kB, 128 KiB) copied, 1 s, 131 kB/s\r262144 bytes (262 kB) copied"),
    262144,
  );
  assert.equal(copiedBytes("\n1 byte copied, 0.1 s"), 1);
  assert.equal(copiedBytes("43+1 records in\n43+1 records out\n"), undefined);
  assert.equal(copiedBytes(""), undefined);
});

test("beside a file, wherever it is", () => {
  assert.equal(`${besidePath(Buffer.from("home/alice/big"), aside)}`, `home/alice/${aside}`);
  assert.equal(`${besidePath(Buffer.from("big"), aside)}`, aside);
});
