/**
 * rsync from the machine's files to a directory in the volume. For a job of a user's both of its ends have that user's rights and no
 * more, and of the volume they see this directory alone (landing.ts): so whatever a user does to what they are told, by forged
 * attributes of a file system of their own or by altering rsync itself, comes to what they could have written themself. The kernel
 * makes the files theirs, without capabilities, devices and names of others.
 */

import { besideName, type LandingHost, type LandingUser, withLanding } from "../stack/landing.ts";
import { type CopyResult, type CopySpec, copy } from "../tools/rsync.ts";

export interface SourceCopy extends Omit<CopySpec, "args" | "cwd" | "as"> {
  /** All that stands in front of the sources. */
  readonly args: readonly string[];
  /** Of the machine, absolute. */
  readonly sources: readonly string[];
  /** Absolute, and there; undefined: nowhere, for a dry run. */
  readonly into: string | undefined;
  /** What is there already is not copied: absolute. */
  readonly comparedWith?: readonly string[];
  /** Nothing is written: --dry-run is among the arguments. */
  readonly isDry?: boolean;
}

/** Made for it in a dry run that has nothing to compare with. */
const nowhere = "/nonexistent/luksmith/";

/** @throws as {@link copy} */
export async function copyFromSource(
  host: LandingHost,
  as: LandingUser | undefined,
  { args, sources, into, comparedWith = [], isDry = false, ...spec }: SourceCopy,
  signal: AbortSignal,
): Promise<CopyResult> {
  if (as === undefined) {
    // what is there is not listed and not counted; rsync 3.5 hangs with --compare-dest, see below
    const comparing = comparedWith.map((path) => `--link-dest=${path}/`);
    const all = [...args, ...comparing, "--", ...sources, into === undefined ? nowhere : `${into}/`];
    return copy(host.exec, { ...spec, args: all }, signal);
  }
  const landing = { into, writable: !isDry, beside: comparedWith };
  return withLanding(host, as, landing, signal, (cwd, guarded) => {
    // rsync 3.5 hangs over names of one file, of which one is in such a directory
    const comparing = comparedWith.flatMap((_, index) => ["--no-hard-links", `--compare-dest=${besideName(index)}`]);
    return copy(
      host.exec,
      { ...spec, as: guarded, cwd, args: [...args, ...comparing, "--", ...sources, "./"] },
      signal,
    );
  });
}
