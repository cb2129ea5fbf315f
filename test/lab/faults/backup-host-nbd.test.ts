/** A backup host that answers, and does not do what it is asked to, over nbd. */

import { overTunnel } from "../harness/over.ts";
import { describeBackupHost } from "./suites/backup-host.ts";

describeBackupHost(overTunnel);
