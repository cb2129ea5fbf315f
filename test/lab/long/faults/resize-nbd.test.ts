/** Growing that is broken off, over nbd. */

import { describeInterruptedGrowth } from "../../faults/suites/resize.ts";
import { overTunnel } from "../../harness/over.ts";

describeInterruptedGrowth(overTunnel, "btrfs", 256);
