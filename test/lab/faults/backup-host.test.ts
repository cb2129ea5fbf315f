/** A backup host that answers, and does not do what it is asked to, over sshfs. */

import { overSshfs } from "../harness/over.ts";
import { describeBackupHost } from "./suites/backup-host.ts";

describeBackupHost(overSshfs);
