/** A run that is cancelled, over sshfs. */

import { overSshfs } from "../harness/over.ts";
import { describeCancel } from "./suites/cancel.ts";

describeCancel(overSshfs);
