/** Whether the users whose jobs there are still are users: a backup of a user who is gone fails, and nobody may be looking. */

import { asLuksmithError } from "../../common/errors.ts";
import type { Finding } from "../../proto/gen/luksmith/v1/agent.ts";
import type { UserDatabase } from "../access/user-database.ts";
import { asItsUser } from "../backup/sourced-job.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import { problem } from "./finding.ts";

export async function examineJobUsers(
  users: Pick<UserDatabase, "ids">,
  { jobs }: Pick<AgentConfig, "jobs">,
): Promise<Finding[]> {
  const found = await Promise.all(
    [...jobs.values()].map(async (job) => {
      try {
        await asItsUser(users, job);
        return [];
      } catch (error) {
        const { message, hint } = asLuksmithError(error);
        return [problem(`job ${job.name}`, message, hint ?? "getent passwd")];
      }
    }),
  );
  return found.flat();
}
