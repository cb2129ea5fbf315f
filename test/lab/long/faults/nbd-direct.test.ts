/** What goes wrong over nbd, over TCP. */

import { describeNbdFaults } from "../../faults/suites/nbd.ts";
import { overTcp } from "../../harness/over.ts";

describeNbdFaults(overTcp);
