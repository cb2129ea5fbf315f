/** A volume with btrfs, by sshfs and trimmed by nbd; in the long tier by nbd, and more of it. */

import { describeBtrfs } from "./harness/btrfs-volume.ts";

describeBtrfs("sshfs", { rarely: false });
