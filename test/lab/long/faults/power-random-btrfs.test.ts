/** Random faults of a fixed seed, of volumes with btrfs, power cuts among them. */

import { describe, it } from "node:test";
import { runEngine } from "../../faults/engine/engine.ts";
import { overBtrfs } from "../../harness/over.ts";

describe("random faults of volumes with btrfs", () => {
  it("leave nothing behind, no snapshot that is not what it was, and a backup that goes on", async () => {
    await runEngine({ over: overBtrfs, seed: "power 126489", faults: 6, minutes: undefined });
  });
});
