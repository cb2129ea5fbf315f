import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { seal, unseal } from "../../../controller/authority/seal.ts";

describe("a sealed key", () => {
  const secret = randomBytes(32);
  const plain = Buffer.from("a private key");
  const sealed = seal(secret, "authority", plain);

  it("opens with the secret it was sealed with", () => {
    assert.deepEqual(unseal(secret, "authority", sealed), plain);
    assert.notDeepEqual(seal(secret, "authority", plain), sealed);
    assert.equal(Buffer.from(sealed).includes(plain), false);
  });

  it("opens with no other, for no other, and not when a bit of it was changed", () => {
    const opens = (...parameters: Parameters<typeof unseal>) => {
      assert.throws(() => unseal(...parameters), { code: "wrong_key" });
    };
    opens(randomBytes(32), "authority", sealed);
    opens(secret, "another", sealed);
    opens(secret, "authority", sealed.subarray(0, 20));
    opens(secret, "authority", new Uint8Array());
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      opens(secret, "authority", changed);
    }
  });
});
