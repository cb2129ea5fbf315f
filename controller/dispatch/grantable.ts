/** Which of those that wait may begin. Pure. */

import type { Permit } from "../store/permits.ts";
import type { PermitLimits } from "../stream/fleet-rules.ts";

/**
 * @param waiting in the order in which they asked; one that has to wait holds up none that need not
 * @param granted of all schedules: a backup host has the load of all of them
 */
export function grantable(
  waiting: readonly Permit[],
  granted: readonly Permit[],
  limits: ReadonlyMap<string, PermitLimits>,
): Permit[] {
  const ofSchedule = new Map<string, number>();
  const ofHost = new Map<string, number>();
  const count = ({ schedule, backupHost }: Permit) => {
    ofSchedule.set(schedule, (ofSchedule.get(schedule) ?? 0) + 1);
    ofHost.set(backupHost, (ofHost.get(backupHost) ?? 0) + 1);
  };
  for (const permit of granted) count(permit);
  return waiting.filter((permit) => {
    const { fleet = Number.POSITIVE_INFINITY, perBackupHost = Number.POSITIVE_INFINITY } =
      limits.get(permit.schedule) ?? {};
    const isFree =
      (ofSchedule.get(permit.schedule) ?? 0) < fleet &&
      // which host it is the machine need not tell; then it is none
      (permit.backupHost === "" || (ofHost.get(permit.backupHost) ?? 0) < perBackupHost);
    if (isFree) count(permit);
    return isFree;
  });
}
