/** A connection that breaks in the middle of a backup, over sshfs. */

import { describeRetry } from "../../faults/suites/retry.ts";
import { overSshfs } from "../../harness/over.ts";

describeRetry(overSshfs);
