/** Shrinking that is broken off, over nbd. */

import { describeInterruptedShrinking } from "../../faults/suites/shrink.ts";
import { overTunnel } from "../../harness/over.ts";

describeInterruptedShrinking(overTunnel, "btrfs", 512);
