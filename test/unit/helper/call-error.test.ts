import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LuksmithError } from "../../../common/errors.ts";
import { callError } from "../../../helper/rpc/call-error.ts";

const errno = (code: string) => Object.assign(new Error(code), { code });

describe("what a machine is told of an error", () => {
  it("is in words where the system has a number for it", () => {
    assert.equal(callError(errno("ENAMETOOLONG")).code, "usage");
    for (const code of ["ENOSPC", "EDQUOT", "EFBIG"]) assert.equal(callError(errno(code)).code, "full");
    assert.equal(callError(errno("EROFS")).code, "refused");
  });

  it("names no program that is on the machine alone", () => {
    for (const thrown of [
      errno("EIO"),
      new TypeError("a fault of ours"),
      new LuksmithError("tool_failed", "flock is not installed", { hint: "luksmith doctor" }),
    ]) {
      const { hint } = callError(thrown);
      assert.match(hint ?? "", /on the backup host/);
      assert.doesNotMatch(hint ?? "", /doctor|journalctl/);
    }
  });

  it("keeps what is right as it is, and the cause for the log", () => {
    const refusal = new LuksmithError("denied", "no", { hint: "ask" });
    assert.equal(callError(refusal), refusal);
    const cause = errno("EIO");
    assert.equal(callError(cause).cause, cause);
  });
});
