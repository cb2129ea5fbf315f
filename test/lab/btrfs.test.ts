/** A volume with btrfs, by sshfs and trimmed by nbd; in the long tier all of it by nbd. */

import { describeBtrfs } from "./harness/btrfs-volume.ts";

describeBtrfs("sshfs");
