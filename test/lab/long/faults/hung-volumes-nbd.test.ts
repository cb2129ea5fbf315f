/** Four volumes that hang at once, over nbd. */

import { describeHungVolumes } from "../../faults/suites/hung-volumes.ts";
import { overTunnel } from "../../harness/over.ts";

describeHungVolumes(overTunnel);
