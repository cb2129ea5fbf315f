/** A run that is cancelled, over nbd. */

import { describeCancel } from "../../faults/suites/cancel.ts";
import { overTunnel } from "../../harness/over.ts";

describeCancel(overTunnel);
