import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAgentConfig } from "../../../agent/config/agent-config.ts";
import { requireRemovable } from "../../../agent/keys/remove-key.ts";
import { requireFileOfItsOwn } from "../../../agent/keys/rotate-key.ts";
import { requireGoodKey } from "../../../agent/keys/slots.ts";
import type { LuksHeader } from "../../../agent/tools/luks-header.ts";
import { makeKeyBytes } from "../../../agent/volume/key-file.ts";

const header = (...numbers: number[]): LuksHeader => ({
  slots: numbers.map((slot) => ({ slot, kdf: "argon2id", role: undefined, addedAt: undefined })),
  tokensOf: () => [],
  metadataBytes: 16_384,
  isReencrypting: false,
  needsRecovery: false,
  hasTouchedData: true,
});

test("a slot can go that is there and is not the last", () => {
  requireRemovable(header(0, 3), 3, "home");
  assert.throws(() => requireRemovable(header(0, 3), 1, "home"), { code: "not_found" });
  assert.throws(() => requireRemovable(header(3), 3, "home"), {
    code: "usage",
    hint: "luksmith key rotate home gives it another key",
  });
});

test("a key that the backup host could guess is refused", () => {
  requireGoodKey(Buffer.from("twelve bytes"), "home");
  for (const key of ["", "eleven byte"]) {
    assert.throws(() => requireGoodKey(Buffer.from(key), "home"), {
      code: "usage",
      hint: "luksmith key add home --generate makes one that nobody guesses",
    });
  }
});

test("a key file that another volume has as well is not exchanged for one of them", () => {
  const { volumes } = parseAgentConfig(
    `
remotes: { v: { host: v, user: u } }
volumes:
  a: { remote: v, image: a, size: 64M, key: { file: /k/shared } }
  b: { remote: v, image: b, size: 64M, key: { file: /k//shared } }
  c: { remote: v, image: c, size: 64M }
  d: { remote: v, image: d, size: 64M, key: { credential: d } }
`,
    "/etc/luksmith/agent.yaml",
  );
  for (const name of ["a", "b"]) {
    assert.throws(() => requireFileOfItsOwn(volumes, name), {
      code: "usage",
      message: /\/k\/shared is the key of volume/,
    });
  }
  for (const name of ["c", "d", "no such volume"]) requireFileOfItsOwn(volumes, name);
});

test("a key that is made is one line, whatever else is in it", () => {
  // of all that are drawn at random every fifth has a line break
  for (let made = 0; made < 200; made += 1) {
    const key = makeKeyBytes();
    assert.equal(key.length, 64);
    assert.ok(!key.includes(0x0a));
  }
});
