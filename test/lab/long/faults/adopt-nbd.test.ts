/** An adoption that is broken off, over nbd. */

import { describeInterruptedAdoption } from "../../faults/suites/adopt.ts";
import { overTunnel } from "../../harness/over.ts";

describeInterruptedAdoption(overTunnel, "btrfs", 256);
