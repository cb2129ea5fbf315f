/** A re-encryption that is broken off, over nbd. */

import { describeInterruptedReencryption } from "../../faults/suites/reencrypt.ts";
import { overTunnel } from "../../harness/over.ts";

describeInterruptedReencryption(overTunnel);
