/** A run that is cancelled, of a volume with btrfs. */

import { describeCancel } from "../../faults/suites/cancel.ts";
import { overBtrfs } from "../../harness/over.ts";

describeCancel(overBtrfs);
