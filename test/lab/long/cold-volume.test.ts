/** Reading a volume of which nothing is in memory, over sshfs. */

import { describeColdVolume } from "../harness/cold-volume.ts";

describeColdVolume({ remote: "transport: sshfs" });
