/** A few random faults of a fixed seed, a power cut among them. `npm run test:soak` has as many as are wanted. */

import { describe, it } from "node:test";
import { runEngine } from "../../faults/engine/engine.ts";
import { overSshfs } from "../../harness/over.ts";

describe("random faults", () => {
  it("leave nothing behind, no snapshot that is not what it was, and a backup that goes on", async () => {
    await runEngine({ over: overSshfs, seed: "power 126489", faults: 2, minutes: undefined });
  });
});
