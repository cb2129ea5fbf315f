/** A volume with btrfs, by nbd. */

import { describeBtrfs } from "../harness/btrfs-volume.ts";

describeBtrfs("nbd", { rarely: true });
