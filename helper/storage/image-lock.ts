/** The lock on an image (flock(2)), by flock(1): taken by a child that has the image open, and gone when that has ended. */

/** The descriptor under which a child has what it is handed: the first after the standard ones. */
export const imageFd = 3;
export const imageInChild = `/proc/self/fd/${imageFd}`;
/** What the child ends with when somebody else has the lock; none of the programs that are run under it do. */
export const lockedExit = 75;

/** Of `flock`. The command runs in its very process, so that what ends the one ends the other. */
export function underLock(...command: readonly string[]): string[] {
  const how = ["--exclusive", "--nonblock", "--no-fork", "--conflict-exit-code", `${lockedExit}`];
  return [...how, imageInChild, ...command];
}
