/** A volume with btrfs, by nbd; by sshfs it is in the long tier. */

import { describeBtrfs } from "./harness/btrfs-volume.ts";

describeBtrfs("nbd");
