import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { asLuksmithError, errorCodes, hasErrno, isErrorCode, LuksmithError } from "../../../common/errors.ts";

test("exit codes that scripts rely on", () => {
  const codes = { usage: 2, config: 2, incomplete: 3, not_found: 10, locked: 11, wrong_key: 12 } as const;
  const more = { unreachable: 13, lost: 13, stalled: 13, refused: 13, tampered: 14, cancelled: 130 } as const;
  for (const [code, { exit }] of Object.entries(errorCodes)) {
    assert.ok(isErrorCode(code));
    assert.equal(exit, { ...codes, ...more }[code as keyof typeof codes] ?? 1, code);
    assert.equal(new LuksmithError(code, "x").exitCode, exit);
  }
});

test("what may go by itself, and nothing else, is worth another try", () => {
  const passing = Object.keys(errorCodes).filter((code) => isErrorCode(code) && new LuksmithError(code, "x").isPassing);
  assert.deepEqual(passing, ["unreachable", "lost", "stalled"]);
});

test("no failure ends with success, neither for a shell nor for gRPC", () => {
  for (const { exit, grpc } of Object.values(errorCodes)) {
    assert.ok(exit > 0 && exit < 256);
    assert.ok(grpc > 0);
  }
});

test("a code is one of the list, not what objects have of their own", () => {
  assert.ok(isErrorCode("full"));
  for (const text of ["", "FULL", "toString", "constructor", "__proto__", "hasOwnProperty"])
    assert.ok(!isErrorCode(text));
});

test("message, hint and cause", () => {
  const cause = new Error("deeper");
  const error = new LuksmithError("full", "no room", { hint: "make some", cause });
  assert.ok(error instanceof Error);
  assert.deepEqual(
    [error.name, error.code, error.message, error.hint, error.cause],
    [...["LuksmithError", "full", "no room", "make some"], cause],
  );
  const bare = new LuksmithError("full", "no room");
  assert.equal(bare.hint, undefined);
  assert.ok(!("cause" in bare));
});

test("what is not ours says nothing to a caller and keeps its cause for the log", () => {
  for (const thrown of [
    new TypeError("secret"),
    "secret",
    undefined,
    null,
    3,
    { message: "secret" },
    Symbol("secret"),
  ]) {
    const error = asLuksmithError(thrown);
    assert.equal(error.code, "internal");
    assert.ok(!`${error.message}${error.hint}`.includes("secret"));
    assert.equal(error.cause, thrown);
  }
  const ours = new LuksmithError("full", "no room");
  assert.equal(asLuksmithError(ours), ours);
});

test("errors of the file system by their code", () => {
  const thrown = (() => {
    try {
      readFileSync("/nonexistent/file");
    } catch (error) {
      return error;
    }
    return undefined;
  })();
  assert.ok(hasErrno(thrown, "ENOENT"));
  assert.ok(hasErrno(thrown, "EACCES", "ENOENT"));
  assert.ok(!hasErrno(thrown, "EACCES"));
  assert.ok(!hasErrno(thrown));
  const unnamed = Object.assign(new Error("full"), { code: "Unknown system error -122", errno: -122 });
  assert.ok(hasErrno(unnamed, "ENOSPC", "EDQUOT"));
  assert.ok(!hasErrno(unnamed, "ENOSPC", "EOF"));
  for (const other of [undefined, null, "ENOENT", { code: "ENOENT" }, new Error("ENOENT")]) {
    assert.ok(!hasErrno(other, "ENOENT"));
  }
});
