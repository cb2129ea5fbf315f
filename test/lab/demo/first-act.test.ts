/** `npm run demo`, its first act: what it says at its end is true, and it gets there. */

import assert from "node:assert/strict";
import { it } from "node:test";
import { played } from "./played.ts";

it("the demonstration's first act backs up, restores and compares", async () => {
  const seen = await played("first-act");
  assert.match(seen, /^no difference, byte for byte$/m);
  assert.match(seen, /^luksmith-agent ended with exit code 0$/m);
});
