/** Four volumes that hang at once, over sshfs. */

import { describeHungVolumes } from "../../faults/suites/hung-volumes.ts";
import { overSshfs } from "../../harness/over.ts";

describeHungVolumes(overSshfs);
