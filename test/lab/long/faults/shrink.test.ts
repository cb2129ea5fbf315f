/** Shrinking that is broken off. */

import { describeInterruptedShrinking } from "../../faults/suites/shrink.ts";
import { overSshfs } from "../../harness/over.ts";

describeInterruptedShrinking(overSshfs, "ext4", 200);
