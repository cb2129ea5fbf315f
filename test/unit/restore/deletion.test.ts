import assert from "node:assert/strict";
import { test } from "node:test";
import { deletionRoots, requireDeletable } from "../../../agent/restore/deletion.ts";

const own = ["/etc/luksmith", "/var/lib/luksmith", "/run/luksmith"];

const refused = [
  ...["/", "/etc", "/usr", "/usr/lib", "/var", "/var/lib", "/boot", "/lib64", "/proc/1", "/dev/shm", "/run"],
  ...["/etc/luksmith", "/var/lib/luksmith", "/var/lib/luksmith/volumes", "/run/luksmith/views"],
];
for (const directory of refused) {
  test(`${directory} is not made equal to anything`, () => {
    assert.throws(() => requireDeletable(["/srv/data", directory], own), { code: "usage" });
  });
}

test("other directories are", () => {
  requireDeletable(["/home", "/home/alice", "/srv/site", "/root", "/opt/x", "/var/lib/postgresql", "/etc/nginx"], own);
  assert.throws(() => requireDeletable(["/srv"], ["/srv/luksmith/state"]), { code: "usage" });
});

test("only what is a directory on both sides, below directories alone, has something to be removed", () => {
  const there = (...paths: string[]) =>
    paths.map((path) => ({ type: path.slice(0, 1), path: Buffer.from(path.slice(1)) }));
  const paths = ["home/alice", "home/link", "home/file", "new", "mail/bob"].map((path) => Buffer.from(path));
  const inSnapshot = there("dhome", "dhome/alice", "dhome/link", "fhome/file", "dnew", "dmail", "dmail/bob");
  const present = there("dhome", "dhome/alice", "lhome/link", "dhome/file", "lmail", "dmail/bob");
  assert.deepEqual(deletionRoots(false, paths, inSnapshot, present).map(String), ["home/alice"]);
  assert.deepEqual(deletionRoots(true, paths, [], present).map(String), [""]);
});
