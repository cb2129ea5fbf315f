/** A backup host that answers, and does not do what it is asked to, over nbd. */

import { describeBackupHost } from "../../faults/suites/backup-host.ts";
import { overTunnel } from "../../harness/over.ts";

describeBackupHost(overTunnel);
