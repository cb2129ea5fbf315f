import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { errorWithoutNames, eventWithoutNames, textWithoutNames } from "../../../agent/fleet/without-names.ts";
import { Item_Action, RunEvent } from "../../../proto/gen/luksmith/v1/types.ts";

for (const [text, told] of [
  ["volume home is full and grows by 1 GiB; the run then goes on where it was", undefined],
  ["cancelled by alice", undefined],
  ["could not be copied: permission denied", undefined],
  ["could not be copied: No such file or directory (2)", "could not be copied: no such file or directory"],
  ["rsync failed: cannot open my taxes", "rsync failed ..."],
  ["none of the sources of job home exists: /home/a, /home/b", "none of the sources of job home exists ..."],
  ["job home: 3 files equal, 1 different", undefined],
  ["volume home: the checksums of 2 blocks are wrong; 1 file damaged", undefined],
  ["job home: not all could be read: a b", "job home: not all could be read ..."],
  ["job My Files: of them", "job My Files ..."],
  ["hook /usr/local/bin/dump failed", "hook ..."],
  ["removed $'my\\nfile'", "removed ..."],
  ["removed 'my file'", "removed ..."],
  ['there is no job "hme" in the configuration', undefined],
  ['there is no job "my file" in the configuration', "there is no job ..."],
  ['there is no file "hme" in the configuration', "there is no file ..."],
  ['"my file" is odd', " ..."],
  ["is in docs/private/x", "is in ..."],
  ["is in ./x", "is in ..."],
  ["is in ~/x", "is in ..."],
  ["one\ntwo", "one ..."],
  ["it takes 5 MB/s of the job's link", undefined],
] as const) {
  test(`told of ${JSON.stringify(text)}`, () => assert.equal(textWithoutNames(text), told ?? text));
}

test("errors of connections keep their words, others lose what programs said; hints stay when they are commands of ours", () => {
  const error = (code: string, message: string, hint = "") => errorWithoutNames({ code, message, hint });
  assert.equal(error("unreachable", "vault: Connection refused")?.message, "vault: Connection refused");
  assert.equal(error("tool_failed", "find failed: my taxes")?.message, "find failed ...");
  assert.equal(error("a newer code", "odd: my taxes")?.message, "odd ...");
  assert.equal(error("full", "x", "luksmith prune home --snapshot")?.hint, "luksmith prune home --snapshot");
  assert.equal(error("full", "x", "rm /home/alice/taxes")?.hint, "");
  assert.equal(error("full", "x", "luksmith restore home:taxes/2025")?.hint, "");
  assert.equal(errorWithoutNames(undefined), undefined);
});

test("what is about one file is not told, and what is not known here neither", () => {
  const event = (kind: RunEvent["kind"]) => eventWithoutNames(RunEvent.create({ seq: 1, kind }));
  assert.equal(
    event({ $case: "item", value: { action: Item_Action.ADD, path: Buffer.from("a"), size: 1, reason: "" } }),
    undefined,
  );
  assert.equal(event(undefined), undefined);
  const warning = event({
    $case: "warning",
    value: { message: "vanished while it was copied", path: Buffer.from("a") },
  });
  assert.deepEqual(warning?.kind, {
    $case: "warning",
    value: { message: "vanished while it was copied", path: Buffer.alloc(0) },
  });
});

test("in what verbs say, a name comes after a colon or in quotes: that is what the cutting relies on", () => {
  const root = new URL("../../../", import.meta.url).pathname;
  const places = [
    "backup",
    "verify",
    "drill",
    "prune",
    "volume",
    "snapshots",
    "stack",
    "tools",
    "filesystem",
    "transport",
  ];
  const files = globSync(`agent/{${places.join(",")}}/**/*.ts`, { cwd: root });
  assert.ok(files.length > 50);
  for (const file of [...files, "agent/restore/paths.ts"]) {
    for (const [text, before = ""] of readFileSync(`${root}${file}`, "utf8").matchAll(
      /`([^`\n]*)\$\{showName\([^`\n]*`/g,
    )) {
      assert.ok(before.endsWith(": ") || before === "", `${file}: ${text}`);
    }
  }
});
