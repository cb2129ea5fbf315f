/** A run that is cancelled, over nbd. */

import { overTunnel } from "../harness/over.ts";
import { describeCancel } from "./suites/cancel.ts";

describeCancel(overTunnel);
