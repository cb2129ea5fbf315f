import assert from "node:assert/strict";
import { test } from "node:test";
import { partialName, snapshotName } from "../../../agent/snapshots/name.ts";
import { volumeReadme } from "../../../agent/volume/readme-text.ts";

test("names the volume, shows names as they really are, ends its last line", () => {
  const text = volumeReadme("home");
  assert.match(text, /backup volume "home"/);
  assert.ok(text.includes(`/JOB/${snapshotName(new Date("2026-11-23T02:00:00Z"))}/`));
  assert.ok(text.includes(partialName("/JOB/...")));
  assert.ok(text.includes("/JOB/latest"));
  assert.ok(text.endsWith("\n") && !text.endsWith("\n\n"));
});
