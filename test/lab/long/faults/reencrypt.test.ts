/** A re-encryption that is broken off. */

import { describeInterruptedReencryption } from "../../faults/suites/reencrypt.ts";
import { overSshfs } from "../../harness/over.ts";

describeInterruptedReencryption(overSshfs);
