/** Flipped bits of volumes that are reached by nbd. */

import { describeFlippedBits } from "../harness/flipped-bits.ts";

describeFlippedBits({ remote: "transport: nbd", helper: {} });
