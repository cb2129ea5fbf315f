import assert from "node:assert/strict";
import { test } from "node:test";
import type { VolumeConfig } from "../../../agent/config/volume.ts";
import { filesystemKinds } from "../../../agent/filesystem/kind.ts";
import {
  configSize,
  nextBytes,
  noRoom,
  smallestImageBytes,
  tooSmallToGrow,
  type WantedImage,
  wantedBytes,
} from "../../../agent/volume/size-plan.ts";

const mebi = 2 ** 20;
const header = 16 * mebi;
const wanted: WantedImage = {
  volume: "home",
  remote: "vault",
  bytes: 300 * mebi,
  allocatedBytes: 40 * mebi,
  overcommit: false,
};
const anything = { freeBytes: undefined, mostImageBytes: undefined };

test("the smallest image has room for its header and to move in", () => {
  const { ext4, btrfs } = filesystemKinds;
  assert.equal(smallestImageBytes(100 * mebi, header, ext4), 132 * mebi);
  assert.equal(smallestImageBytes(1000 * mebi, header, ext4), 1066 * mebi);
  assert.equal(smallestImageBytes(1, header, ext4), 64 * mebi);
  assert.equal(smallestImageBytes(100 * mebi + 1, header, ext4) % mebi, 0);
  assert.equal(smallestImageBytes(1, header, btrfs), 272 * mebi);
});

test("btrfs gets no size that the kernel refuses", () => {
  const fault = (bytes: number, filesystem: "ext4" | "btrfs") =>
    tooSmallToGrow(
      "home",
      bytes,
      { imageBytes: 256 * mebi, dataOffsetBytes: header, filesystem },
      filesystemKinds[filesystem],
    );
  assert.equal(fault(264 * mebi, "btrfs")?.hint, "set volumes.home.size to 272M or more");
  for (const bytes of [256 * mebi, 272 * mebi]) assert.equal(fault(bytes, "btrfs"), undefined);
  assert.equal(fault(264 * mebi, "ext4"), undefined);
});

test("a size is written so that it can be typed, and never too small", () => {
  assert.equal(configSize(64 * mebi), "64M");
  assert.equal(configSize(64 * mebi + 4096), "65M");
});

test("what the host has no room for is refused with what would fit", () => {
  const refused = noRoom(wanted, { ...anything, freeBytes: 100 * mebi });
  assert.equal(refused?.code, "full");
  assert.match(refused?.message ?? "", /300 MiB can come to take 260 MiB more on vault, which has 100 MiB left/);
  assert.match(refused?.hint ?? "", /volumes\.home\.size to 140M .*luksmith volume resize home --overcommit/);
});

test("what fits, what is wanted all the same, and what the host does not speak of is not refused", () => {
  assert.equal(noRoom(wanted, { ...anything, freeBytes: 260 * mebi }), undefined);
  assert.equal(noRoom({ ...wanted, overcommit: true }, { ...anything, freeBytes: 1 }), undefined);
  assert.equal(noRoom(wanted, anything), undefined);
});

test("a limit of the host's is none that can be overcommitted", () => {
  const refused = noRoom({ ...wanted, overcommit: true }, { ...anything, mostImageBytes: 299 * mebi });
  assert.match(refused?.message ?? "", /vault allows this machine images of 299 MiB/);
  assert.match(refused?.hint ?? "", /to 299M at the most/);
  assert.equal(noRoom(wanted, { ...anything, mostImageBytes: 300 * mebi }), undefined);
});

test("a volume that grows by itself does so by whole steps, and not beyond its limit", () => {
  const growth = { stepBytes: 10 * mebi, limitBytes: 100 * mebi };
  assert.equal(nextBytes(64 * mebi, 0, growth), 74 * mebi);
  assert.equal(nextBytes(64 * mebi, 10 * mebi, growth), 74 * mebi);
  assert.equal(nextBytes(64 * mebi, 10 * mebi + 1, growth), 84 * mebi);
  assert.equal(nextBytes(95 * mebi, 1, growth), 100 * mebi);
  assert.equal(nextBytes(64 * mebi, 900 * mebi, growth), 100 * mebi);
  assert.equal(nextBytes(100 * mebi, 1, growth), undefined);
  assert.equal(nextBytes(120 * mebi, 1, growth), undefined);
});

test("what has grown by itself is as large as it is to be", () => {
  const volume = (growth?: object) => ({ sizeBytes: 64 * mebi, growth }) as unknown as VolumeConfig;
  assert.equal(wantedBytes(volume(), { imageBytes: 90 * mebi }), 64 * mebi);
  assert.equal(wantedBytes(volume({}), { imageBytes: 90 * mebi }), 90 * mebi);
  assert.equal(wantedBytes(volume({}), { imageBytes: 10 * mebi }), 64 * mebi);
  assert.equal(wantedBytes(volume({}), undefined), 64 * mebi);
});
