/** Four volumes that hang at once, over sshfs. */

import { overSshfs } from "../harness/over.ts";
import { describeHungVolumes } from "./suites/hung-volumes.ts";

describeHungVolumes(overSshfs);
