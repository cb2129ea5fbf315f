/** A job with what is decided when a run begins: what it takes, and with whose rights that is read. */

import { LuksmithError } from "../../common/errors.ts";
import { quoteText } from "../../common/quote.ts";
import type { UserDatabase } from "../access/user-database.ts";
import type { JobConfig } from "../config/job.ts";
import type { LandingUser } from "../stack/landing.ts";

export interface SourcedJob extends JobConfig {
  /** With the rights of this user, by programs that the user's others cannot alter, and as theirs in the snapshot; undefined: root's, and as it is. */
  readonly as: LandingUser | undefined;
}

/**
 * @param users asked when the run begins: who is no user any more has no rights
 * @throws {LuksmithError} "not_found" when there is no such user; "config" when it is root under another name
 */
export async function asItsUser(users: Pick<UserDatabase, "ids">, job: JobConfig): Promise<SourcedJob> {
  if (job.user === undefined) return { ...job, as: undefined };
  const ids = await users.ids(job.user);
  if (ids === undefined) {
    throw new LuksmithError("not_found", `there is no user ${quoteText(job.user)}, whose job ${job.name} is`, {
      hint: `jobs.${job.name}.user in the configuration; getent passwd lists the users`,
    });
  }
  if (ids.uid === 0) {
    throw new LuksmithError("config", `the user ${quoteText(job.user)} of job ${job.name} is root`, {
      hint: `leave jobs.${job.name}.user out: root's jobs need none`,
    });
  }
  return { ...job, as: { ...ids, guarded: true } };
}
