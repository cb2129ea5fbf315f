import { LuksmithError } from "../../../common/errors.ts";

/** This machine, or the backup host, lacks what network block devices need: SFTP may still do. */
export class NbdUnusableError extends LuksmithError {
  constructor(message: string, hint: string, cause?: unknown) {
    super("refused", message, { hint, cause });
  }
}
