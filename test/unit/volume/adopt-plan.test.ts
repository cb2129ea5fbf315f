import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobConfig } from "../../../agent/config/job.ts";
import type { ForeignHeader } from "../../../agent/tools/foreign-header.ts";
import { planName, planRoot, requireImageSize, snapshotText } from "../../../agent/volume/adopt/plan.ts";

const job = (...sources: string[]) => ({ name: "home", sources, sourcesBelow: [] as string[] }) as unknown as JobConfig;

test("the root of an image is the job's only source, unless somebody says what it is", () => {
  assert.equal(planRoot(job("/home"), ""), "/home");
  assert.equal(planRoot(job("/home", "/etc"), ""), "/");
  assert.equal(planRoot(job("/home"), "/"), "/");
  assert.equal(planRoot(job("/home"), "/home/alice/"), "/home/alice");
  assert.equal(planRoot(job("/"), "/srv"), "/srv");
  assert.equal(planRoot({ ...job(), sourcesBelow: ["/home/alice"] }, ""), "/home/alice");
});

test("what the job does not back up, and what is no path, is refused", () => {
  for (const asked of ["/srv", "/home2", "/hom"]) {
    assert.throws(() => planRoot(job("/home"), asked), /has nothing to do with what job home backs up/);
  }
  for (const asked of ["home", "/home/../etc", "/home/./x", "/home\0"]) {
    assert.throws(() => planRoot(job("/home"), asked), /takes an absolute path/);
  }
});

test("an image is of whole blocks, and has something behind its header", () => {
  const header = { dataOffsetBytes: 16 * 2 ** 20 } as ForeignHeader;
  requireImageSize(64 * 2 ** 20, header);
  assert.throws(() => requireImageSize(64 * 2 ** 20 + 512, header), /no multiple of 4096/);
  assert.throws(() => requireImageSize(16 * 2 ** 20, header), /ends with its header/);
});

test("the first snapshot is of when the files were written, and of no time to come", () => {
  const now = new Date("2026-11-23T02:00:00Z");
  assert.equal(planName(new Date("2024-01-02T03:04:05Z"), now), "2024-01-02T03-04-05Z");
  assert.equal(planName(new Date("2031-01-02T03:04:05Z"), now), "2026-11-23T02-00-00Z");
  assert.equal(planName(undefined, now), "2026-11-23T02-00-00Z");
});

test("of what becomes the snapshot some is named", () => {
  const plan = { root: "/home", snapshot: "2024-01-02T03-04-05Z", job: "home" };
  assert.match(snapshotText(["alice", "b\x1bb"], plan), /^what is at its root \(.*alice.*\) becomes .*\/home/);
  assert.ok(!snapshotText(["b\x1bb"], plan).includes("\x1b"));
  assert.match(snapshotText("abcdefghijkl".split(""), plan), /and 4 more\) becomes/);
  assert.match(snapshotText([], plan), /empty/);
});
