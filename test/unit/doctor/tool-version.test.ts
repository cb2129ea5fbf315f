import assert from "node:assert/strict";
import { test } from "node:test";
import { compareVersions, findVersion } from "../../../agent/doctor/tool-version.ts";

const said: readonly (readonly [file: string, text: string, version: string | undefined])[] = [
  ["sshfs", "SSHFS version 3.7.3\nFUSE library version 3.14.0\nusing FUSE kernel interface version 7.31", "3.7.3"],
  ["fusermount3", "fusermount3 version: 3.14.0", "3.14.0"],
  ["ssh", "OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.15 3 Sep 2024", "9.2"],
  ["cryptsetup", "cryptsetup 2.6.1 flags: UDEV BLKID KEYRING", "2.6.1"],
  ["rsync", "rsync  version 3.2.7  protocol version 31\nCopyright (C) 1996-2022", "3.2.7"],
  ["rsync", "rsync  version v3.4.1  protocol version 32", "3.4.1"],
  ["find", "find (GNU findutils) 4.9.0\nCopyright (C) 2022", "4.9.0"],
  ["mount", "mount from util-linux 2.38.1 (libmount 2.38.1: selinux, smack)", "2.38.1"],
  ["losetup", "losetup from util-linux 2.41", "2.41"],
  ["mkfs.ext4", "mke2fs 1.47.0 (5-Feb-2023)\n\tUsing EXT2FS Library version 1.47.0", "1.47.0"],
  ["dmsetup", "Library version:   1.02.185 (2022-05-18)\nDriver version:    4.47.0", "1.02.185"],
  // the tool's own line, where another comes first
  ["tool", "library 9.9.9\ntool 1.2.3", "1.2.3"],
  ["tool", "", undefined],
  ["tool", "no number here", undefined],
  ["tool", "tool 5", undefined],
  ["tool", "1".repeat(100_000), undefined],
];

for (const [file, text, version] of said) {
  test(`${file}: ${JSON.stringify(text.slice(0, 60))} is ${version}`, () => {
    assert.equal(findVersion(text, file), version);
  });
}

test("older, equal, newer", () => {
  const table: readonly (readonly [string, string, number])[] = [
    ["3.7.3", "3.7.3", 0],
    ["3.7", "3.7.0", 0],
    ["2.9", "2.38", -1],
    ["2.38.1", "2.38", 1],
    ["10.0", "9.9.9", 1],
    ["3.7.0", "3.10.0", -1],
    ["1.02.185", "1.2.185", 0],
  ];
  for (const [a, b, sign] of table) {
    assert.equal(Math.sign(compareVersions(a, b)), sign, `${a} ${b}`);
    assert.equal(Math.sign(compareVersions(b, a)), sign === 0 ? 0 : -sign, `${b} ${a}`);
  }
});
