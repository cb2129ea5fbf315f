import assert from "node:assert/strict";
import { test } from "node:test";
import { type SampleFile, Sampler } from "../../../agent/verify/sample.ts";

function files(count: number, bytes: (index: number) => number = () => 100): SampleFile[] {
  return Array.from({ length: count }, (_, index) => ({ path: Buffer.from(`home/f${index}`), bytes: bytes(index) }));
}

function sampleOf(all: readonly SampleFile[], seed: string, maxBytes: number) {
  const sampler = new Sampler(seed, maxBytes);
  for (const file of all) sampler.add(file);
  return sampler.sample();
}

const names = (sample: { files: readonly SampleFile[] }) => sample.files.map(({ path }) => `${path}`);

test("within its size, and by path", () => {
  const sample = sampleOf(files(1000), "a", 5000);
  assert.deepEqual(sample.size, { files: 50, bytes: 5000 });
  assert.deepEqual(sample.of, { files: 1000, bytes: 100_000 });
  assert.deepEqual(names(sample), names(sample).toSorted());
});

test("the same seed chooses the same, in whatever order they come; another one others", () => {
  const all = files(2000, (index) => index % 7);
  const chosen = names(sampleOf(all, "a", 500));
  assert.deepEqual(names(sampleOf(all.toReversed(), "a", 500)), chosen);
  assert.notDeepEqual(names(sampleOf(all, "b", 500)), chosen);
});

test("all of them where there is room for all", () => {
  assert.equal(sampleOf(files(30), "a", 3000).files.length, 30);
  assert.deepEqual(sampleOf([], "a", 3000), {
    ...{ files: [], size: { files: 0, bytes: 0 }, of: { files: 0, bytes: 0 }, tooLarge: 0 },
  });
});

test("what is larger than all of it is counted, and takes nobody's place", () => {
  const sample = sampleOf([...files(10), { path: Buffer.from("disk.img"), bytes: 5001 }], "a", 5000);
  assert.equal(sample.tooLarge, 1);
  assert.equal(sample.files.length, 10);
  assert.deepEqual(sample.of, { files: 11, bytes: 6001 });
});

test("each file is as likely as any other", () => {
  const times = new Map<string, number>();
  for (let seed = 0; seed < 400; seed += 1) {
    for (const name of names(sampleOf(files(40), `${seed}`, 1000))) times.set(name, (times.get(name) ?? 0) + 1);
  }
  // 10 of 40 in each of 400: 100 for each, with a deviation of 9
  assert.equal(times.size, 40);
  for (const [name, count] of times) assert.ok(count > 55 && count < 145, `${name}: ${count}`);
});

test("no more than ten thousand, of however many empty ones", () => {
  assert.equal(
    sampleOf(
      files(25_000, () => 0),
      "a",
      1,
    ).files.length,
    10_000,
  );
});

test("names need not be text", () => {
  const path = Buffer.from([0x66, 0xff, 0x0a]);
  assert.deepEqual(sampleOf([{ path, bytes: 1 }], "a", 10).files[0]?.path, path);
});
