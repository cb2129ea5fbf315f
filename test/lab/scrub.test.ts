/** Flipped bits of volumes that are reached by sshfs. */

import { describeFlippedBits } from "./harness/flipped-bits.ts";

describeFlippedBits({ remote: "transport: sshfs" });
