import assert from "node:assert/strict";
import { test } from "node:test";
import { copyArgs, selectionArgs, selectionDigest } from "../../../agent/backup/selection.ts";
import type { SourcedJob } from "../../../agent/backup/sourced-job.ts";

const job: SourcedJob = {
  name: "home",
  volume: "home",
  sources: ["/home", "/etc"],
  user: undefined,
  sourcesBelow: [],
  as: undefined,
  exclude: ["*.tmp", "/home/*/.cache"],
  before: [],
  after: [],
  hookTimeoutMs: 1000,
  bandwidthLimit: undefined,
  oneFileSystem: true,
  deadlineMs: undefined,
  keep: undefined,
  timezone: "UTC",
  schedule: undefined,
};

const runtimeDir = "/run/luksmith";
const ownMounts = ["--exclude=/run/luksmith/volumes/", "--exclude=/run/luksmith/views/"];

test("what a job takes, with everything about it", () => {
  const args = selectionArgs(job, runtimeDir);
  for (const arg of ["--archive", "--hard-links", "--acls", "--xattrs", "--sparse", "--numeric-ids", "--relative"]) {
    assert.ok(args.includes(arg), arg);
  }
  // two versions of a file within one second are two versions
  assert.ok(args.includes("--modify-window=-1"));
  assert.ok(args.includes("--one-file-system"));
  assert.ok(!selectionArgs({ ...job, oneFileSystem: false }, runtimeDir).includes("--one-file-system"));
});

test("patterns stay one argument each, in their order, whatever is in them", () => {
  const exclude = ["--delete-source-files", "-x", "a b", "$(id)", "'q\"", "*"];
  const args = selectionArgs({ ...job, exclude }, runtimeDir);
  assert.deepEqual(
    args.filter((arg) => arg.startsWith("--exclude")),
    [...exclude.map((pattern) => `--exclude=${pattern}`), ...ownMounts],
  );
  assert.ok(!args.includes("--delete-source-files"));
});

test("equal selections have one digest, all others another", () => {
  const digest = selectionDigest(job);
  assert.match(digest, /^[0-9a-f]{64}$/);
  assert.equal(selectionDigest({ ...job, name: "x", before: [["/bin/true"]], bandwidthLimit: 4096 }), digest);
  const others: Partial<SourcedJob>[] = [
    { sources: ["/home"] },
    { sources: ["/etc", "/home"] },
    { sources: ["/home,/etc"] },
    { sources: ["/home", "/etc", "*.tmp"], exclude: ["/home/*/.cache"] },
    { exclude: [] },
    { exclude: ["/home/*/.cache", "*.tmp"] },
    { oneFileSystem: false },
  ];
  const digests = others.map((change) => selectionDigest({ ...job, ...change }));
  assert.equal(new Set([digest, ...digests]).size, others.length + 1);
});

test("the agent's own mounts are never taken", () => {
  const args = selectionArgs({ ...job, exclude: [] }, runtimeDir);
  assert.deepEqual(
    args.filter((arg) => arg.startsWith("--exclude")),
    ownMounts,
  );
});

test("of a user's job, files of others come without what would let them run as the user", () => {
  const own = { ...job, user: "alice", as: { uid: 1000, gid: 1000, groups: [1000] } };
  assert.ok(selectionArgs(own, runtimeDir).includes("--chmod=Du+rx,Fu+r,Fug-s"));
  assert.ok(!selectionArgs(job, runtimeDir).some((arg) => arg.startsWith("--chmod")));
  // open(2): O_NOATIME is for a file's owner
  assert.ok(copyArgs(job).includes("--open-noatime"));
  assert.ok(!copyArgs(own).includes("--open-noatime"));
  assert.notEqual(selectionDigest(own), selectionDigest(job));
});
