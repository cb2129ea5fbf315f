/** A volume with btrfs, by sshfs. */

import { describeBtrfs } from "../harness/btrfs-volume.ts";

describeBtrfs("sshfs");
