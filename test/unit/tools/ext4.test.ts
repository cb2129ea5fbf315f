import assert from "node:assert/strict";
import { test } from "node:test";
import { parseJournal, parseSuitability, parseSuperblock } from "../../../agent/tools/ext4.ts";

const uuid = "0b8a2c3e-5d0b-4a3c-9c1e-6a2a8f5b7d11";

function superblock(fields: { state?: string; features?: string; uuid?: string }): string {
  return [
    "Filesystem volume name:   <none>",
    "Last mounted on:          /run/luksmith/volumes/home/files",
    `Filesystem UUID:          ${fields.uuid ?? uuid}`,
    "Filesystem magic number:  0xEF53",
    `Filesystem features:      ${fields.features ?? "has_journal ext_attr extent 64bit metadata_csum"}`,
    "Filesystem flags:         signed_directory_hash",
    `Filesystem state:         ${fields.state ?? "clean"}`,
    "Errors behavior:          Continue",
  ].join("\n");
}

test("cleanly unmounted", () => {
  assert.deepEqual(parseSuperblock(superblock({})), { uuid, clean: true });
});

test("anything else is not clean", () => {
  for (const state of ["not clean", "clean with errors", "not clean with errors", "", "CLEAN"]) {
    assert.deepEqual(parseSuperblock(superblock({ state })), { uuid, clean: false }, state);
  }
});

test("a journal to replay", () => {
  assert.equal(parseSuperblock(superblock({ features: "has_journal needs_recovery extent" }))?.clean, false);
  assert.equal(parseSuperblock(superblock({ features: "has_journal needs_recovery_x extent" }))?.clean, true);
});

test("a journal is replayed when there is something in it, and the superblock says so", () => {
  const features = "has_journal needs_recovery extent";
  const start = (block: number) => `\nJournal sequence:         0x00000002\nJournal start:            ${block}\n`;
  assert.ok(parseJournal(superblock({ features }) + start(1)));
  assert.ok(!parseJournal(superblock({ features }) + start(0)));
  assert.ok(!parseJournal(superblock({ features })));
  assert.ok(!parseJournal(superblock({}) + start(1)));
  assert.ok(!parseJournal(""));
});

test("an empty field does not take the next line for its value", () => {
  assert.equal(parseSuperblock(superblock({ uuid: "" }))?.uuid, "");
});

test("no superblock at all", () => {
  for (const text of ["", "dumpe2fs 1.47.0 (5-Feb-2023)\n", `Filesystem UUID: ${uuid}`, "Filesystem state: clean"]) {
    assert.equal(parseSuperblock(text), undefined);
  }
});

test("one that somebody else has made needs a journal, and says when it was written to", () => {
  const written = "Last write time:          Mon Nov 23 02:00:05 2026";
  const whole = `${superblock({})}\n${written}\nInode size:\t          256`;
  assert.deepEqual(parseSuitability(whole), {
    fault: undefined,
    warning: undefined,
    writtenAt: new Date("2026-11-23T02:00:05Z"),
  });
  assert.match(parseSuitability(superblock({ features: "ext_attr" })).fault ?? "", /no journal/);
  assert.match(
    parseSuitability(`${superblock({})}\nInode size:\t          128`).warning ?? "",
    /fractions of a second/,
  );
  assert.equal(parseSuitability(`${superblock({})}\nLast write time:          n/a`).writtenAt, undefined);
});
