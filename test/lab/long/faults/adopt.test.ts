/** An adoption that is broken off. */

import { describeInterruptedAdoption } from "../../faults/suites/adopt.ts";
import { overSshfs } from "../../harness/over.ts";

describeInterruptedAdoption(overSshfs, "ext4", 64);
