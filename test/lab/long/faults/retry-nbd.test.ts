/** A connection that breaks in the middle of a backup, over nbd. */

import { describeRetry } from "../../faults/suites/retry.ts";
import { overTunnel } from "../../harness/over.ts";

describeRetry(overTunnel);
