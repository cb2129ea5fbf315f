import assert from "node:assert/strict";
import { test } from "node:test";
import { parseForeignHeader } from "../../../agent/tools/foreign-header.ts";
import { asLuksmithError } from "../../../common/errors.ts";

const uuid = "a7af5f1c-9af4-4e63-9a5e-a7935e1061ab";
const mebi = 2 ** 20;

/** As cryptsetup 2.6 makes it, as far as it is looked at. */
function dump() {
  const slot = {
    ...{ type: "luks2", key_size: 64, kdf: { type: "argon2id" } },
    ...{ area: { type: "raw", encryption: "aes-xts-plain64", key_size: 64 }, af: { type: "luks1", stripes: 4000 } },
  };
  const segment = {
    ...{ type: "crypt", offset: `${16 * mebi}`, size: "dynamic", iv_tweak: "0" },
    ...{ encryption: "aes-xts-plain64", sector_size: 512 },
  };
  return {
    keyslots: { "0": slot } as Record<string, object>,
    tokens: {} as Record<string, object>,
    segments: { "0": segment } as Record<string, object>,
    digests: { "0": { type: "pbkdf2", keyslots: ["0"], segments: ["0"] } } as Record<string, object>,
    config: { json_size: "12288", keyslots_size: "16744448" } as Record<string, unknown>,
  };
}

test("a header that cryptsetup luksFormat makes is taken, with what is pinned of it", () => {
  const json = { ...dump(), tokens: { "0": { type: "systemd-tpm2", keyslots: ["0"] } } };
  assert.deepEqual(parseForeignHeader(json, uuid), {
    uuid,
    cipher: "aes-xts-plain64",
    volumeKeyBits: 512,
    sectorBytes: 512,
    dataOffsetBytes: 16 * mebi,
    metadataBytes: 16384,
    headerBytes: 16 * mebi,
    slots: ["argon2id"],
    tokens: ["systemd-tpm2"],
  });
});

test("a slot that opens something else than the data is no slot of it", () => {
  const json = dump();
  json.keyslots["1"] = { type: "luks2", key_size: 16, kdf: { type: "pbkdf2" } };
  json.digests["1"] = { type: "pbkdf2", keyslots: ["1"], segments: [] };
  assert.deepEqual(parseForeignHeader(json, uuid).slots, ["argon2id"]);
});

const { segments, keyslots } = dump();
const segment = segments["0"];
const slot = keyslots["0"];
const openArea = { type: "raw", encryption: "cipher_null-ecb", key_size: 16 };
const costly = (kdf: object) => ({ keyslots: { "0": { ...slot, kdf } } });
const refusals: [what: string, change: Partial<ReturnType<typeof dump>>, why: RegExp][] = [
  [
    "a slot of many iterations",
    costly({ type: "pbkdf2", iterations: 4e9 }),
    /to try a key on it takes 4000000000 iter/,
  ],
  ["a slot of much memory", costly({ type: "argon2id", memory: 2 ** 30, time: 1, cpus: 4 }), /takes 1073741824 KiB/],
  ["a slot of many passes", costly({ type: "argon2i", memory: 2 ** 20, time: 300, cpus: 4 }), /300 passes over/],
  ["a slot of many threads", costly({ type: "argon2id", memory: 2 ** 20, time: 4, cpus: 500 }), /500 threads/],
  [
    "a digest of many iterations",
    { digests: { "0": { type: "pbkdf2", keyslots: ["0"], segments: ["0"], iterations: 4e9 } } },
    /4000000000 iterations/,
  ],
  [
    "data that begin far away",
    { segments: { "0": { ...segment, offset: `${2 ** 40}` } } },
    /begin only at byte 1099511627776/,
  ],
  ["plain text", { segments: { "0": { ...segment, encryption: "cipher_null-ecb" } } }, /cipher is cipher_null-ecb/],
  [
    "a key slot that any key opens",
    { keyslots: { "0": { ...slot, area: openArea } } },
    /slot of it is encrypted with cipher_null/,
  ],
  ["a key slot of nothing", { keyslots: { "0": { ...slot, area: undefined } } }, /encrypted with nothing/],
  ["an odd splitter", { keyslots: { "0": { ...slot, af: { type: "luks1", stripes: 1 } } } }, /not split as LUKS does/],
  ["another cipher", { segments: { "0": { ...segment, encryption: "aes-cbc-essiv:sha256" } } }, /cipher is aes-cbc/],
  ["odd sectors", { segments: { "0": { ...segment, sector_size: 1024 } } }, /sectors are of 1024 bytes/],
  ["no data", { segments: {} }, /0 segments/],
  ["data in pieces", { segments: { "0": { ...segment }, "1": { ...segment } } }, /2 segments/],
  [
    "plain data",
    { segments: { "0": { type: "linear", offset: "0", size: "dynamic" } } },
    /luksFormat makes \(linear\)/,
  ],
  ["a tweaked IV", { segments: { "0": { ...segment, iv_tweak: "8" } } }, /luksFormat makes/],
  ["data of a fixed size", { segments: { "0": { ...segment, size: "4096" } } }, /luksFormat makes/],
  ["integrity", { segments: { "0": { ...segment, integrity: { type: "hmac(sha256)" } } } }, /integrity/],
  ["data below the header", { segments: { "0": { ...segment, offset: "4096" } } }, /reaches into its data/],
  ["a re-encryption", { keyslots: { "0": { type: "reencrypt", key_size: 1 } } }, /re-encrypted/],
  ["a demand", { config: { ...dump().config, requirements: { mandatory: ["opal"] } } }, /demands opal/],
  [
    "a demand to go on re-encrypting",
    { config: { ...dump().config, requirements: { mandatory: ["online-reencrypt-v2"] } } },
    /re-encrypted/,
  ],
  ["no slots", { keyslots: {}, digests: { "0": { keyslots: [], segments: ["0"] } } }, /no key slots/],
  ["a slot that is not there", { digests: { "0": { keyslots: ["7"], segments: ["0"] } } }, /no key slots/],
  ["a short key", { keyslots: { "0": { type: "luks2", key_size: 16, kdf: { type: "pbkdf2" } } } }, /128 bits/],
  ["an endless header", { config: { json_size: "12288", keyslots_size: "999999999999" } }, /reaches into its data/],
  ["nonsense", { config: { json_size: "-1", keyslots_size: "0" } }, /cannot be understood/],
];

for (const [what, change, why] of refusals) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => parseForeignHeader({ ...dump(), ...change }, uuid),
      (error) => asLuksmithError(error).code === "usage" && why.test(asLuksmithError(error).message),
    );
  });
}

test("refused: what is no header at all", () => {
  for (const json of [undefined, [], "", {}])
    assert.throws(() => parseForeignHeader(json, uuid), /cannot be understood/);
  assert.throws(() => parseForeignHeader(dump(), "no uuid"), /cannot be understood/);
});
