/** What goes wrong over nbd, in the tunnel. */

import { overTunnel } from "../harness/over.ts";
import { describeNbdFaults } from "./suites/nbd.ts";

describeNbdFaults(overTunnel);
