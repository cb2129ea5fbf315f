/** What a machine is told of an error: in words for whoever is at the machine, of which nothing names what is on the machine alone. Pure. */

import { asLuksmithError, hasErrno, LuksmithError } from "../../common/errors.ts";

const full = ["ENOSPC", "EDQUOT", "EFBIG"];
const hintHere = "on the backup host: luksmith-helper's log (log.file in its helper.yaml)";

export function callError(thrown: unknown): LuksmithError {
  if (hasErrno(thrown, "ENAMETOOLONG"))
    return new LuksmithError("usage", "the image's path is too long", { cause: thrown });
  if (hasErrno(thrown, ...full)) {
    const hint = "there: df, quotas, and what the file system takes";
    return new LuksmithError("full", "the backup host has no room for it", { hint, cause: thrown });
  }
  if (hasErrno(thrown, "EROFS")) {
    return new LuksmithError("refused", "the backup host's storage is read-only", { cause: thrown });
  }
  const error = asLuksmithError(thrown);
  if (error.code === "internal") {
    const { cause = error } = error;
    return new LuksmithError("internal", "something went wrong in the backup host's helper", { hint: hintHere, cause });
  }
  // of common parts, which know the machine's own programs
  if (!/luksmith doctor|journalctl/.test(error.hint ?? "")) return error;
  return new LuksmithError(error.code, error.message, { hint: hintHere, cause: error.cause });
}
