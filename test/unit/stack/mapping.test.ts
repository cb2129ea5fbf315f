import assert from "node:assert/strict";
import { test } from "node:test";
import { type ExpectedStack, requireTables } from "../../../agent/stack/mapping.ts";
import type { DmTarget } from "../../../agent/tools/dmsetup.ts";
import type { Pin } from "../../../agent/volume/pin.ts";
import { LuksmithError } from "../../../common/errors.ts";

const pin: Pin = {
  format: 1,
  id: "3b241101-e2bb-4255-8caf-4136c566a962",
  luksUuid: "3b241101-e2bb-4255-8caf-4136c566a963",
  filesystemUuid: "3b241101-e2bb-4255-8caf-4136c566a964",
  filesystem: "ext4",
  imageBytes: 2 ** 30,
  cipher: "aes-xts-plain64",
  volumeKeyBits: 512,
  sectorBytes: 4096,
  dataOffsetBytes: 16 * 2 ** 20,
  generation: 3,
  unclean: false,
};

const expected: ExpectedStack = {
  mapping: "luksmith-home",
  imageDevice: "luksmith-home.image",
  imageDeviceNumber: "253:0",
  transportNumber: "7:0",
};

const crypt: DmTarget = {
  name: "luksmith-home",
  start: 0,
  sectors: (2 ** 30 - 16 * 2 ** 20) / 512,
  target: "crypt",
  args: ["aes-xts-plain64", ":64:logon:cryptsetup:0-d0", "0", "253:0", "32768", "1", "sector_size:4096"],
};
const linear: DmTarget = {
  name: "luksmith-home.image",
  start: 0,
  sectors: 2 ** 30 / 512,
  target: "linear",
  args: ["7:0", "0"],
};
const stranger: DmTarget = { name: "vg-root", start: 0, sectors: 8, target: "linear", args: ["8:0", "0"] };

function withArgs(target: DmTarget, ...changes: (readonly [number, string])[]): DmTarget {
  const args = [...target.args];
  for (const [index, value] of changes) args[index] = value;
  return { ...target, args };
}

test("as pinned", () => {
  requireTables([crypt, linear], pin, expected);
  requireTables([stranger, linear, { ...stranger, start: 8 }, crypt], pin, expected);
});

test("a key that dmsetup shows as zeros", () => {
  requireTables([withArgs(crypt, [1, "0".repeat(128)]), linear], pin, expected);
});

test("sectors of 512 bytes, which are the kernel's own: it says nothing of them", () => {
  const small = { ...pin, sectorBytes: 512 };
  const plain = { ...crypt, args: crypt.args.slice(0, 5) };
  requireTables([plain, linear], small, expected);
  requireTables([{ ...plain, args: [...plain.args, "1", "allow_discards"] }, linear], small, expected);
  assert.throws(() => requireTables([crypt, linear], small, expected), /option sector_size:4096/);
  assert.throws(() => requireTables([plain, linear], pin, expected), /not of 4096 bytes/);
});

test("options that change how it is done, not what is written", () => {
  for (const option of ["allow_discards", "no_read_workqueue", "no_write_workqueue", "same_cpu_crypt"]) {
    const args = [...crypt.args.slice(0, 5), "2", option, "sector_size:4096"];
    requireTables([{ ...crypt, args }, linear], pin, expected);
  }
});

const keyOf = (bytes: number) => `:${bytes}:logon:cryptsetup:0-d0`;
const refused: readonly (readonly [string, readonly DmTarget[]])[] = [
  // the header attack: every backup in plain text
  ["cipher_null-ecb", [withArgs(crypt, [0, "cipher_null-ecb"], [1, "-"]), linear]],
  ["cipher_null-ecb with a key of the right size", [withArgs(crypt, [0, "cipher_null-ecb"]), linear]],
  ["capi:ecb(cipher_null)", [withArgs(crypt, [0, "capi:ecb(cipher_null)"]), linear]],
  ["a weaker mode", [withArgs(crypt, [0, "aes-ecb"]), linear]],
  ["another IV", [withArgs(crypt, [0, "aes-xts-plain"]), linear]],
  ["another case", [withArgs(crypt, [0, "AES-xts-plain64"]), linear]],
  ["no cipher", [{ ...crypt, args: [] }, linear]],
  ["a shorter key", [withArgs(crypt, [1, keyOf(32)]), linear]],
  ["a longer key", [withArgs(crypt, [1, keyOf(640)]), linear]],
  ["no key", [withArgs(crypt, [1, "-"]), linear]],
  ["a shorter key in zeros", [withArgs(crypt, [1, "0".repeat(64)]), linear]],
  ["an IV offset", [withArgs(crypt, [2, "8"]), linear]],
  ["another device", [withArgs(crypt, [3, "8:0"]), linear]],
  ["the loop device itself", [withArgs(crypt, [3, "7:0"]), linear]],
  ["another offset", [withArgs(crypt, [4, "0"]), linear]],
  ["an offset written otherwise", [withArgs(crypt, [4, "0x8000"]), linear]],
  ["options that were left out", [{ ...crypt, args: crypt.args.slice(0, 5) }, linear]],
  ["options that are fewer than announced", [withArgs(crypt, [5, "2"]), linear]],
  ["options that are more than announced", [withArgs(crypt, [5, "0"]), linear]],
  ["another sector size", [withArgs(crypt, [6, "sector_size:512"]), linear]],
  ["two sector sizes", [withArgs(crypt, [5, "2"], [7, "sector_size:512"]), linear]],
  ["an unknown option", [withArgs(crypt, [5, "2"], [7, "iv_large_sectors"]), linear]],
  ["integrity, which changes the format", [withArgs(crypt, [5, "2"], [7, "integrity:28:aead"]), linear]],
  ["another target", [{ ...crypt, target: "linear" }, linear]],
  ["a part of it", [{ ...crypt, start: 8 }, linear]],
  ["one sector less", [{ ...crypt, sectors: crypt.sectors - 1 }, linear]],
  ["one sector more", [{ ...crypt, sectors: crypt.sectors + 1 }, linear]],
  ["a second target behind it", [crypt, { ...crypt, start: crypt.sectors }, linear]],
  ["no such mapping", [linear]],
  ["a mapping of nearly that name", [{ ...crypt, name: "luksmith-home2" }, linear]],
  ["nothing", []],
  ["no device below it", [crypt]],
  ["a device below of another target", [crypt, { ...linear, target: "error", args: [] }]],
  ["a device below on another loop device", [crypt, withArgs(linear, [0, "7:1"])]],
  ["a device below that begins further on", [crypt, withArgs(linear, [1, "8"])]],
  ["a device below with one argument more", [crypt, withArgs(linear, [2, "8"])]],
  ["a device below, a part of it", [crypt, { ...linear, start: 8 }]],
  ["a device below of another size", [crypt, { ...linear, sectors: linear.sectors - 8 }]],
  ["a device below with a second target", [crypt, linear, { ...linear, start: linear.sectors }]],
];

for (const [what, tables] of refused) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => requireTables(tables, pin, expected),
      (error) => error instanceof LuksmithError && error.code === "tampered" && error.hint !== undefined,
    );
  });
}

test("whatever single field of the pin is another, it is refused", () => {
  const changes: readonly Partial<Pin>[] = [
    { cipher: "serpent-xts-plain64" },
    { volumeKeyBits: 256 },
    { sectorBytes: 512 },
    { dataOffsetBytes: 8 * 2 ** 20 },
    { imageBytes: 2 ** 30 + 4096 },
  ];
  for (const change of changes) {
    assert.throws(() => requireTables([crypt, linear], { ...pin, ...change }, expected), LuksmithError);
  }
});

test("the refusal names what differs", () => {
  const tables = [withArgs(crypt, [0, "cipher_null-ecb"]), linear];
  assert.throws(() => requireTables(tables, pin, expected), /cipher cipher_null-ecb instead of aes-xts-plain64/);
});
