/** What is said of a file system, whichever it is. */

import { LuksmithError } from "../../common/errors.ts";

export interface Superblock {
  readonly uuid: string;
  /** Unmounted cleanly, with nothing to replay. */
  readonly clean: boolean;
}

/** What is to be known of one that somebody else has made. */
export interface Suitability {
  /** Why it cannot be a volume's. */
  readonly fault: string | undefined;
  /** What will be worse than with one that luksmith makes. */
  readonly warning: string | undefined;
  /** When it was last written to; undefined where it does not say. */
  readonly writtenAt: Date | undefined;
}

/** It has errors, and nothing has mended them. */
export class FilesystemError extends LuksmithError {}

/** What is in the journal could not be written down, and is still there. */
export class JournalError extends LuksmithError {}
