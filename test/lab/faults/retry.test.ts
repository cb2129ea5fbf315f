/** A connection that breaks in the middle of a backup, over sshfs. */

import { overSshfs } from "../harness/over.ts";
import { describeRetry } from "./suites/retry.ts";

describeRetry(overSshfs);
