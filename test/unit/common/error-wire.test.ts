import assert from "node:assert/strict";
import { test } from "node:test";
import { Metadata, type ServiceError, type StatusObject } from "@grpc/grpc-js";
import { fromErrorDetail, fromServiceError, toErrorDetail, toStatus } from "../../../common/error-wire.ts";
import { type ErrorCode, errorCodes, LuksmithError } from "../../../common/errors.ts";

/** As a client gets it. */
function received(status: Pick<StatusObject, "code" | "details" | "metadata">): ServiceError {
  return Object.assign(new Error(status.details), status);
}

test("every code comes out as it went in", () => {
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    const back = fromServiceError(received(toStatus(new LuksmithError(code, "what", { hint: "next" }))));
    assert.deepEqual([back?.code, back?.message, back?.hint], [code, "what", "next"]);
    assert.equal(toStatus(new LuksmithError(code, "what")).code, errorCodes[code].grpc);
  }
});

test("texts with newlines, in any language, long ones, and none", () => {
  for (const message of ["", "a\nb\0c", "Übung 🙂 \u202e", "x".repeat(100_000)]) {
    const back = fromServiceError(received(toStatus(new LuksmithError("full", message))));
    assert.equal(back?.message, message);
    assert.equal(back.hint, undefined);
  }
});

test("a cause stays behind", () => {
  const status = toStatus(new LuksmithError("full", "no room", { cause: new Error("secret") }));
  const sent = JSON.stringify([status.details, status.metadata.getMap()]);
  assert.ok(!sent.includes("secret"));
  assert.ok(!Buffer.concat(status.metadata.get("luksmith-error-bin") as Buffer[]).includes("secret"));
  assert.equal(fromServiceError(received(status))?.cause, undefined);
});

test("what is not ours becomes internal, without a word of it", () => {
  const detail = toErrorDetail(new TypeError("secret"));
  assert.equal(detail.code, "internal");
  assert.ok(!JSON.stringify(detail).includes("secret"));
});

test("a code from a newer version is taken for internal", () => {
  for (const code of ["", "brand_new", "__proto__", "toString"]) {
    const error = fromErrorDetail({ code, message: "what", hint: "" });
    assert.deepEqual([error.code, error.message, error.hint], ["internal", "what", undefined]);
  }
});

test("somebody else's error is none of ours", () => {
  const empty = received({ code: 14, details: "gone", metadata: new Metadata() });
  assert.equal(fromServiceError(empty), undefined);
  for (const garbage of [Buffer.from([0xff]), Buffer.from([0x0a, 0x7f, 0x00]), Buffer.from("\x0a\x05ab")]) {
    const metadata = new Metadata();
    metadata.set("luksmith-error-bin", garbage);
    assert.equal(fromServiceError(received({ code: 13, details: "x", metadata })), undefined, garbage.toString("hex"));
  }
});
