import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { addressSchema, networkSchema, plainAddress } from "../../../helper/config/network.ts";

describe("addresses", () => {
  it("are what they are, in whatever clothes they come", () => {
    assert.equal(plainAddress("192.0.2.7"), "192.0.2.7");
    assert.equal(plainAddress("::ffff:192.0.2.7"), "192.0.2.7");
    assert.equal(plainAddress("::FFFF:c000:207"), "192.0.2.7");
    assert.equal(plainAddress("2001:DB8:0:0::7"), "2001:db8::7");
    for (const none of ["", "web01", "fe80::1%eth0", "192.0.2.7%eth0", "192.0.2"])
      assert.equal(plainAddress(none), undefined);
  });

  it("of servers are one of this host's", () => {
    for (const good of ["192.0.2.1", "2001:db8::1", "::1"]) assert.ok(addressSchema.safeParse(good).success, good);
    for (const bad of [
      "0.0.0.0",
      "::",
      "0::0",
      "::ffff:192.0.2.1",
      "::ffff:0:0",
      "2001:db8:0::1",
      "fe80::1%a",
      "vault",
    ]) {
      assert.ok(!addressSchema.safeParse(bad).success, bad);
    }
  });

  it("are in a network only of their own kind", () => {
    assert.ok(networkSchema.parse("192.0.2.0/24").contains("192.0.2.9"));
    for (const bad of ["::ffff:192.0.2.0/120", "::ffff:c000:200/120", "fe80::%eth0/64", "192.0.2.0/33"]) {
      assert.ok(!networkSchema.safeParse(bad).success, bad);
    }
  });
});
