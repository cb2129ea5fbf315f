import assert from "node:assert/strict";
import { test } from "node:test";
import { makeRecoveryPassphrase } from "../../../agent/volume/recovery-passphrase.ts";

test("six groups of five, without letters that look like others", () => {
  for (let count = 0; count < 1000; count += 1) {
    assert.match(makeRecoveryPassphrase(), /^[0-9a-hjkmnp-tv-z]{5}(-[0-9a-hjkmnp-tv-z]{5}){5}$/);
  }
});

test("no two alike, and every character comes up in every place", () => {
  const made = Array.from({ length: 2000 }, makeRecoveryPassphrase);
  assert.equal(new Set(made).size, made.length);
  const places = made[0]?.length ?? 0;
  for (let place = 0; place < places; place += 1) {
    const seen = new Set(made.map((passphrase) => passphrase[place]));
    // of 32, with 2000 drawings, the chance that one is missing is below 1 in 10^24
    assert.equal(seen.size, (place + 1) % 6 === 0 ? 1 : 32);
  }
});
