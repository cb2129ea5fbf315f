/** What is said of a file system, whichever it is. */

import { LuksmithError } from "../../common/errors.ts";

export interface Superblock {
  readonly uuid: string;
  /** Unmounted cleanly, with nothing to replay. */
  readonly clean: boolean;
}

/** It has errors, and nothing has mended them. */
export class FilesystemError extends LuksmithError {}

/** What is in the journal could not be written down, and is still there. */
export class JournalError extends LuksmithError {}
