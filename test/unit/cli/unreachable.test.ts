import assert from "node:assert/strict";
import { test } from "node:test";
import { unreachable } from "../../../cli/unreachable.ts";

const table: [errno: string | undefined, code: string, message: RegExp, hint: RegExp][] = [
  ["ENOENT", "unreachable", /not running/, /systemctl start luksmith-agent/],
  ["ECONNREFUSED", "unreachable", /not running/, /systemctl start luksmith-agent/],
  ["EACCES", "denied", /only root and members of the group luksmith/, /usermod -aG luksmith/],
  ["EPROTOTYPE", "unreachable", /not the agent's socket/, /configuration/],
  [undefined, "unreachable", /closed the connection/, /status/],
  ["EMFILE", "unreachable", /EMFILE/, /status/],
];

for (const [errno, code, message, hint] of table) {
  test(`${errno ?? "accepted"}: ${code}`, () => {
    const error = unreachable("/run/x.sock", errno);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.match(error.message, /\/run\/x\.sock/);
    assert.match(error.hint ?? "", hint);
  });
}
