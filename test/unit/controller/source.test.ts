import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sourceOf } from "../../../controller/listen/source.ts";

describe("what strangers are counted by", () => {
  const table: readonly (readonly [string, string])[] = [
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::9", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["", ""],
  ];
  for (const [address, source] of table) {
    it(`of ${address || "nothing"} is ${source || "nothing"}`, () => assert.equal(sourceOf(address), source));
  }
});
