/** What one line of `rsync --dry-run --checksum -ii` says of a file in the snapshot. Pure. Source: rsync(1), --itemize-changes */

export type Verdict = "equal" | "differs" | "changed" | "added";

/**
 * `YXcstpoguax`: X is the type, c a checksum that differs, s the size, t the time. A content that differs while size
 * and time are those of the backup has not been changed by its owner.
 * @returns undefined for what has no content: directories, links, devices
 */
export function classify(changes: string): Verdict | undefined {
  const [update, type, checksum, size, time] = changes;
  if (type !== "f") return undefined;
  if (checksum === "+") return "added";
  if (size === "s" || (time !== undefined && /[tT]/.test(time))) {
    // only its time differs: someone touched it, and the content is still the same
    return update === "." && checksum !== "c" && size !== "s" ? "equal" : "changed";
  }
  return checksum === "c" ? "differs" : "equal";
}
