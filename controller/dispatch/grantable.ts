/** Which of those that wait may begin, and for how long. Pure. */

import type { Permit, PermitCount } from "../store/permits.ts";
import type { PermitLimits } from "../stream/fleet-rules.ts";

/** Whatever a machine says: it would hold up the others for ever. */
const longestMs = 24 * 3_600_000;
/** From the moment that it may until it does, and from its end until that has been reported. */
const marginMs = 15 * 60_000;

/** For how long a machine has a permit: as long as a run can take, since the machine ends one that takes longer. */
export function heldMs(deadlineMs: number | undefined): number {
  return deadlineMs === undefined || deadlineMs === 0 ? longestMs : deadlineMs + marginMs;
}

/** Whether anything can become of looking at each of them: one that waits has room in its schedule, or one is lost. */
export function isWorthLooking(
  counts: readonly PermitCount[],
  limits: ReadonlyMap<string, PermitLimits>,
  nowMs: number,
): boolean {
  return counts.some(({ schedule, waiting, granted, expiresMs }) => {
    const { fleet = Number.POSITIVE_INFINITY } = limits.get(schedule) ?? {};
    return expiresMs <= nowMs || (waiting > 0 && granted < fleet);
  });
}

/**
 * A machine has one of each schedule at a time, however many jobs it says to have: what a schedule limits is to be there for all.
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
  const machines = new Set<string>();
  const count = ({ schedule, backupHost, machineId }: Permit) => {
    machines.add(`${schedule} ${machineId}`);
    ofSchedule.set(schedule, (ofSchedule.get(schedule) ?? 0) + 1);
    ofHost.set(backupHost, (ofHost.get(backupHost) ?? 0) + 1);
  };
  for (const permit of granted) count(permit);
  return waiting.filter((permit) => {
    const { fleet = Number.POSITIVE_INFINITY, perBackupHost = Number.POSITIVE_INFINITY } =
      limits.get(permit.schedule) ?? {};
    const isFree =
      !machines.has(`${permit.schedule} ${permit.machineId}`) &&
      (ofSchedule.get(permit.schedule) ?? 0) < fleet &&
      // which host it is the machine need not tell; then it is none
      (permit.backupHost === "" || (ofHost.get(permit.backupHost) ?? 0) < perBackupHost);
    if (isFree) count(permit);
    return isFree;
  });
}
