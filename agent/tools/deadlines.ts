/** How long programs may take that work on what the backup host has to answer for. */

/** No stall timeout is longer. */
export const longestStallMs = 15 * 60_000;

/**
 * Of one small thing in a volume or on the backup host's mount. That something hangs there is for the watchdog to notice,
 * which then says so; this is for the case that nobody does.
 */
export const volumeDeadlineMs = 2 * longestStallMs;

/** Of what touches everything in a volume: every entry, every inode table, all that waits to be written. */
export const wholeVolumeDeadlineMs = 6 * 3_600_000;
