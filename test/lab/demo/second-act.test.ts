/** `npm run demo`, its second act: a fleet that joins, is told a schedule and keeps it. */

import assert from "node:assert/strict";
import { it } from "node:test";
import { played } from "./played.ts";

it("the demonstration's second act has three machines, one schedule and the fleet's status", async () => {
  const seen = await played("second-act");
  const status = seen.slice(seen.lastIndexOf("$ luksmith fleet status"));
  assert.match(status, /3 machines/);
  assert.match(seen, /^\(refused, as it should be\)$/m);
});
