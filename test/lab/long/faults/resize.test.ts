/** Growing that is broken off. */

import { describeInterruptedGrowth } from "../../faults/suites/resize.ts";
import { overSshfs } from "../../harness/over.ts";

describeInterruptedGrowth(overSshfs, "ext4", 64);
