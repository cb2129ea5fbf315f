import assert from "node:assert/strict";
import { test } from "node:test";
import { parseProgress } from "../../../agent/tools/reencrypt.ts";

test("what cryptsetup says of its progress, and what else it says", () => {
  const line = '{"device":"/dev/dm-0","device_bytes":"28459008","device_size":"83886080","eta_ms":"3","time_ms":"2"}';
  assert.equal(parseProgress(line), 28_459_008);
  for (const other of ["", "Reencryption interrupted.", "{", '{"device_bytes":12}', '{"device_bytes":"-1"}']) {
    assert.equal(parseProgress(other), undefined, other);
  }
});
