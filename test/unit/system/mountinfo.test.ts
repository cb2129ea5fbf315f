import assert from "node:assert/strict";
import { test } from "node:test";
import { blockDeviceOf, deviceNumber, parseMountinfo } from "../../../agent/system/mountinfo.ts";

test("a line as the kernel writes it", () => {
  const [mount, ...others] = parseMountinfo(
    "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n",
  );
  assert.deepEqual(mount, {
    device: "98:0",
    mountPoint: "/mnt2",
    root: "/mnt1",
    type: "ext3",
    source: "/dev/root",
    options: new Set(["rw", "noatime"]),
    hasFailed: false,
  });
  assert.deepEqual(others, []);
});

test("the device below, where the file system shows a number of its own", async () => {
  const [ext4, btrfs, gone] = parseMountinfo(
    [
      "36 35 254:1 / /m rw - ext4 /dev/dm-1 rw",
      "37 35 0:46 / /n rw,noatime - btrfs /dev/null rw,space_cache=v2,subvolid=5,subvol=/",
      "38 35 0:47 / /o rw - btrfs /dev/no-such-device rw",
    ].join("\n"),
  );
  assert.ok(ext4 && btrfs && gone);
  assert.equal(await blockDeviceOf(ext4), "254:1");
  // null(4)
  assert.equal(await blockDeviceOf(btrfs), "1:3");
  assert.equal(await blockDeviceOf(gone), undefined);
});

test("a device number with many bits", () => {
  assert.equal(deviceNumber(0x103n), "1:3");
  assert.equal(deviceNumber((254n << 8n) | 7n), "254:7");
  // makedev(3): major 0x12345, minor 0x6789a
  assert.equal(deviceNumber(0x1200_0678_3459an), `${0x12345}:${0x6789a}`);
});

test("the mount's own options, not those of its file system", () => {
  const [mount] = parseMountinfo("40 1 0:52 / /m ro,nosuid,nodev,nosymfollow - fuse.sshfs luksmith:home rw,user_id=0");
  assert.deepEqual([...(mount?.options ?? [])], ["ro", "nosuid", "nodev", "nosymfollow"]);
  assert.equal(mount?.source, "luksmith:home");
});

test("a file system that was to be written to, and has made itself read-only", () => {
  const hasFailed = (options: string, ofFileSystem: string) =>
    parseMountinfo(`36 35 254:1 / /m ${options} - ext4 /dev/dm-1 ${ofFileSystem}`)[0]?.hasFailed;
  assert.equal(hasFailed("rw,noatime", "ro,errors=remount-ro"), true);
  assert.equal(hasFailed("rw,noatime", "rw,emergency_ro,errors=remount-ro"), true);
  assert.equal(hasFailed("rw,noatime", "rw,errors=remount-ro"), false);
  assert.equal(hasFailed("ro,noatime", "ro,errors=remount-ro"), false);
});

test("no optional fields, one, or several", () => {
  for (const fields of ["", "shared:7 ", "shared:7 master:3 propagate_from:2 unbindable "]) {
    const [mount] = parseMountinfo(`36 35 98:0 / /mnt rw ${fields}- tmpfs none rw`);
    assert.equal(mount?.type, "tmpfs", fields);
    assert.equal(mount?.source, "none", fields);
  }
});

const escaped: readonly (readonly [string, string])[] = [
  ["/with\\040blank", "/with blank"],
  ["/tab\\011x", "/tab\tx"],
  ["/line\\012x", "/line\nx"],
  ["/back\\134slash", "/back\\slash"],
  ["/hash\\043x", "/hash#x"],
  // a backslash of the name's own is escaped: what then looks like an escape is none
  ["/lit\\134040x", "/lit\\040x"],
  ["/a\\040-\\040b", "/a - b"],
  ["/ä", "/ä"],
];

for (const [written, mountPoint] of escaped) {
  test(`mount point ${JSON.stringify(mountPoint)}`, () => {
    const [mount, ...others] = parseMountinfo(`36 35 98:0 ${written} ${written} rw - ext4 ${written} rw`);
    assert.equal(mount?.mountPoint, mountPoint);
    assert.equal(mount?.source, mountPoint);
    assert.deepEqual(others, []);
  });
}

test("an escaped newline with a whole line behind it is part of a name, no other mount", () => {
  const forged = "/x\\0121\\0402\\0400:1\\040/\\040/etc\\040rw\\040-\\040ext4\\040/dev/sda\\040rw";
  const mounts = parseMountinfo(`36 35 98:0 / ${forged} rw - ext4 ${forged} rw\n`);
  assert.deepEqual(
    mounts.map((mount) => mount.mountPoint),
    ["/x\n1 2 0:1 / /etc rw - ext4 /dev/sda rw"],
  );
});

test("lines that say nothing of a mount are passed over", () => {
  for (const text of [
    "",
    "\n\n",
    "36 35 98:0 / /mnt rw",
    "36 35 98:0 / /mnt rw - ",
    " - ext4 x rw",
    "x".repeat(100_000),
  ]) {
    const mounts = parseMountinfo(text);
    assert.deepEqual(
      mounts.filter((mount) => mount.type !== ""),
      [],
      JSON.stringify(text.slice(0, 40)),
    );
  }
});

test("mounts keep their order, so that the topmost comes last", () => {
  const mounts = parseMountinfo("1 0 0:1 / /m rw - ext4 a rw\n2 1 0:2 / /m rw - ext4 b rw\n");
  assert.equal(mounts.findLast((mount) => mount.mountPoint === "/m")?.source, "b");
});
