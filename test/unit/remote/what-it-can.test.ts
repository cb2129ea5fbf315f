import assert from "node:assert/strict";
import { test } from "node:test";
import { whatItCan } from "../../../agent/remote/check/helper.ts";
import { outputOf } from "../../../agent/remote/check/trial.ts";
import { version } from "../../../common/version.ts";
import { RemoteFinding_Level } from "../../../proto/gen/luksmith/v1/agent.ts";
import { ProbeResponse } from "../../../proto/gen/luksmith/v1/helper.ts";

const everything = ProbeResponse.create({
  version,
  machine: "lm-web01",
  nbdServerVersion: "3.24",
  punchesHoles: true,
  makesCheckpoints: true,
  wantsCheckpoints: true,
  allowsDirect: true,
  takesData: true,
  freeBytes: 2 ** 40,
});

const { OK, NO, OFF } = RemoteFinding_Level;

const helpers: [
  name: string,
  change: Partial<ProbeResponse>,
  subject: string,
  level: RemoteFinding_Level,
  words: RegExp,
][] = [
  ["all is well", {}, "helper", OK, /as here/],
  ["another version", { version: "9.9.9\x1b" }, "helper", OFF, /version 9\.9\.9\\u\{1b\}, and /],
  ["no nbd-server", { nbdServerVersion: "" }, "nbd-server", NO, /cannot be started/],
  ["no holes", { punchesHoles: false, noHolesReason: "its file system has none" }, "discarding", OFF, /has none/],
  ["no reflinks", { makesCheckpoints: false, noCheckpointsReason: "no reflinks" }, "checkpoints", OFF, /no reflinks/],
  ["no trusted wire", { allowsDirect: false, noDirectReason: "not from there" }, "direct", OFF, /not from there/],
  ["no data", { takesData: false, noDataReason: "a quota\x07" }, "room", NO, /^a quota\\u\{7\}$/],
  ["a limit", { maxImageBytes: 2 ** 30 }, "room", OK, /1\.00 TiB free, images of 1\.00 GiB at most/],
];

for (const [name, change, subject, level, words] of helpers) {
  test(`what a helper can: ${name}`, () => {
    const finding = whatItCan({ ...everything, ...change }, "vault").find((other) => other.subject === subject);
    assert.equal(finding?.level, level);
    assert.match(finding?.message ?? "", words);
    assert.equal(finding?.hint === "", level === OK);
  });
}

test("what each command of a batch has printed", () => {
  const said = "sftp> pwd\nRemote working directory: /srv\nsftp> -ls -1 /\nsftp> -ls -1 ..\n../a\n../b\n";
  assert.deepEqual(outputOf(said, "pwd"), ["Remote working directory: /srv"]);
  assert.deepEqual(outputOf(said, "-ls -1 /"), []);
  assert.deepEqual(outputOf(said, "-ls -1 .."), ["../a", "../b"]);
  assert.deepEqual(outputOf(said, "never asked"), []);
});
