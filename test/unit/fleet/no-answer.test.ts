import assert from "node:assert/strict";
import { test } from "node:test";
import { Status } from "@grpc/grpc-js/build/src/constants.js";
import { connectionError } from "../../../agent/fleet/connection-error.ts";
import { noAnswerText } from "../../../common/fleet/no-answer.ts";

for (const [said, told] of [
  ["connect ECONNREFUSED 127.0.0.1:1", "nothing listens there"],
  ["No connection established. Last error: getaddrinfo ENOTFOUND fleet.example.net. Resolution note: ", /no host/],
  ["getaddrinfo EAI_AGAIN fleet.example.net", /looked up now/],
  ["ENOSPC: no space left on device", undefined],
  ["no code at all", undefined],
] as const) {
  test(`${said}: in words`, () => {
    const text = noAnswerText(said);
    if (told instanceof RegExp) assert.match(text ?? "", told);
    else assert.equal(text, told);
  });
}

test("a machine says why it is not connected without gRPC's words, and what to do", () => {
  const details =
    "No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:7443. Resolution note: ";
  const thrown = Object.assign(new Error(`14 UNAVAILABLE: ${details}`), { code: Status.UNAVAILABLE, details });
  const { message, hint } = connectionError(thrown, "127.0.0.1:7443");
  assert.equal(message, "no controller answers at 127.0.0.1:7443: nothing listens there");
  assert.match(hint ?? "", /systemctl status luksmith-controller/);
});
