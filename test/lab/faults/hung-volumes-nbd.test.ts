/** Four volumes that hang at once, over nbd. */

import { overTunnel } from "../harness/over.ts";
import { describeHungVolumes } from "./suites/hung-volumes.ts";

describeHungVolumes(overTunnel);
