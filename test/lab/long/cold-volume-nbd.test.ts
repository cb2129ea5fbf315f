/** Reading a volume of which nothing is in memory, over nbd: the kernel does not read ahead in the image there. */

import { describeColdVolume } from "../harness/cold-volume.ts";

describeColdVolume({ remote: "transport: nbd", helper: {} });
