import assert from "node:assert/strict";
import { test } from "node:test";
import { stackNames, volumeOfDm } from "../../../agent/stack/names.ts";
import { namePattern } from "../../../common/config/names.ts";

test("everything carries the volume's name", () => {
  assert.deepEqual(stackNames("/run/luksmith", "home"), {
    volume: "home",
    directory: "/run/luksmith/volumes/home",
    placeholderFile: "/run/luksmith/volumes/home/placeholder",
    remoteDir: "/run/luksmith/volumes/home/remote",
    filesDir: "/run/luksmith/volumes/home/files",
    sshConfigFile: "/run/luksmith/ssh/home.conf",
    fsname: "luksmith:home",
    helperSocket: "/run/luksmith/volumes/home/helper.sock",
    nbdSocket: "/run/luksmith/volumes/home/nbd.sock",
    nbdPidFile: "/run/luksmith/volumes/home/nbd.pid",
    sshSocket: "/run/luksmith/ssh/home.sock",
    mapping: "luksmith-home",
    imageDevice: "luksmith-home.image",
    shrinking: "luksmith-home.shrinking",
    header: "luksmith-home.header",
  });
});

test("no volume's names are another's, and each leads back to its volume", () => {
  const volumes = ["home", "image", "home-image", "home_image", "a", "0", "a".repeat(32), "luksmith-home", "remote"];
  const seen = new Set<string>();
  for (const volume of volumes) {
    assert.match(volume, namePattern);
    const { mapping, imageDevice, header } = stackNames("/run/luksmith", volume);
    for (const name of [mapping, imageDevice, header]) {
      assert.ok(!seen.has(name), name);
      seen.add(name);
      assert.equal(volumeOfDm(name), volume);
    }
  }
});

test("what is not ours is none", () => {
  const names = ["", "luksmith", "luksmith-", "luksmith-.image", "vg-luksmith-home", "Luksmith-home", "luksmith-Home"];
  const more = ["luksmith-home.image.image", "luksmith-home.x", "luksmith--x", "luksmith-home\n", "luksmith-a/b"];
  for (const name of [...names, ...more]) assert.equal(volumeOfDm(name), undefined, JSON.stringify(name));
});
