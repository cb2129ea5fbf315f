/** A connection that breaks in the middle of a backup, over nbd. */

import { overTunnel } from "../harness/over.ts";
import { describeRetry } from "./suites/retry.ts";

describeRetry(overTunnel);
