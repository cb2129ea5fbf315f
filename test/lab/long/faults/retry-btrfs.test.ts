/** A connection that breaks in the middle of a backup, of a volume with btrfs. */

import { describeRetry } from "../../faults/suites/retry.ts";
import { overBtrfs } from "../../harness/over.ts";

describeRetry(overBtrfs);
