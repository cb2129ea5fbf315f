/** What the handlers work with. */

import type { Command } from "../../common/exec.ts";
import type { Run } from "../../proto/gen/luksmith/v1/types.ts";
import type { Access, AuthorizedCaller } from "../access/access.ts";
import type { AuditLog } from "../audit/audit-log.ts";
import type { Browses } from "../browse/browses.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { IdentityFile } from "../fleet/identity-file.ts";
import type { Requester } from "../runs/context.ts";
import type { Scheduler } from "../schedule/scheduler.ts";
import type { Machine } from "../verbs/machine.ts";

export interface Agent extends Machine {
  readonly configPath: string;
  readonly access: Access;
  readonly audit: AuditLog;
  readonly scheduler: Pick<Scheduler, "nextBackup">;
  readonly fleet: Pick<Fleet, "status">;
  readonly browses: Browses;
  readonly identity: IdentityFile;
  readonly startedAt: Date;
}

export function toCaller({ uid, name, granted, sees }: AuthorizedCaller): Requester {
  return { uid, name, granted, sees: (run) => sees(ofRun(run)) };
}

/** What the policy judges a run by: what it is about, and who began it. */
export function ofRun({ volume, job, caller }: Run): { volume: string; job?: string; startedBy: number } {
  const startedBy = caller?.uid ?? 0;
  return job === "" ? { volume, startedBy } : { volume, job, startedBy };
}

/** Whose rights a child that touches a caller's files works with: root's need no change. */
export function rightsOf({ uid, gid }: AuthorizedCaller): Command["as"] {
  return uid === 0 ? undefined : { uid, gid };
}
