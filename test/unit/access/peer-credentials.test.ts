import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePeer, peerText } from "../../../agent/access/peer-credentials.ts";
import { LuksmithError } from "../../../common/errors.ts";

test("what was written is read back", () => {
  for (const credentials of [
    { uid: 0, gid: 0, pid: 1 },
    { uid: 1000, gid: 100, pid: 4_194_304 },
    { uid: 2 ** 32 - 2, gid: 2 ** 32 - 2, pid: 0 },
  ]) {
    assert.deepEqual(parsePeer(peerText(credentials)), credentials);
  }
});

const refused = [
  "",
  "unknown",
  "127.0.0.1:4711",
  "unix:/run/luksmith/agent.sock",
  "uid=0",
  "uid=0;gid=0",
  "uid=0;gid=0;pid=1;",
  "uid=0;gid=0;pid=1\n",
  " uid=0;gid=0;pid=1",
  "uid=1000;gid=1000;pid=1,uid=0;gid=0;pid=1",
  "gid=0;uid=0;pid=1",
  "uid=-1;gid=0;pid=1",
  "uid=00;gid=0;pid=1",
  "uid=+0;gid=0;pid=1",
  "uid=0x0;gid=0;pid=1",
  "uid=;gid=;pid=",
  "uid=4294967295;gid=0;pid=1",
  "uid=0;gid=4294967295;pid=1",
  "uid=4294967296;gid=0;pid=1",
  "uid=99999999999;gid=0;pid=1",
  "UID=0;GID=0;PID=1",
];

for (const peer of refused) {
  test(`${JSON.stringify(peer)} is nobody`, () => {
    assert.throws(
      () => parsePeer(peer),
      (error) => error instanceof LuksmithError && error.code === "denied",
    );
  });
}
