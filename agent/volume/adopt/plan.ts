/** What can be decided of an adoption without touching anything. Pure. */

import { LuksmithError } from "../../../common/errors.ts";
import { quoteText } from "../../../common/quote.ts";
import { formatBytes, plural } from "../../../common/units.ts";
import type { JobConfig } from "../../config/job.ts";
import { snapshotName } from "../../snapshots/name.ts";
import type { ForeignHeader } from "../../tools/foreign-header.ts";

/** The step of everything below: `pin.json` knows no other size. */
const imageStepBytes = 4096;
const shownNames = 8;

/**
 * Which directory of the machine stands at the root of the image.
 * @param asked by the operator; empty: the job's only source, or the root where it has several
 * @throws {LuksmithError} "usage" when the next backup of the job could share nothing with it
 */
export function planRoot({ name, sources: own, sourcesBelow }: JobConfig, asked: string): string {
  const sources = own.length > 0 ? own : sourcesBelow;
  const [only, ...more] = sources;
  const root = asked !== "" ? asked : only !== undefined && more.length === 0 ? only : "/";
  const parts = root.split("/").filter(Boolean);
  if (!root.startsWith("/") || parts.includes("..") || parts.includes(".") || root.includes("\0")) {
    throw new LuksmithError("usage", `--as takes an absolute path, and ${quoteText(root)} is none`, {
      hint: "--as /home",
    });
  }
  const path = `/${parts.join("/")}`;
  const isBelow = (inner: string, outer: string) => `${inner}/`.startsWith(outer === "/" ? outer : `${outer}/`);
  if (sources.some((source) => isBelow(path, source) || isBelow(source, path))) return path;
  throw new LuksmithError("usage", `${quoteText(path)} has nothing to do with what job ${name} backs up`, {
    hint: `its sources are ${sources.join(", ")}; --as says which directory of this machine the root of the image is a copy of`,
  });
}

/** @throws {LuksmithError} "usage" */
export function requireImageSize(bytes: number, { dataOffsetBytes }: ForeignHeader): void {
  if (bytes % imageStepBytes !== 0) {
    throw new LuksmithError(
      "usage",
      `the image cannot become a volume: it has ${bytes} bytes, which is no multiple of 4096`,
      {
        hint: "on the backup host: truncate --size=%4096 IMAGE",
      },
    );
  }
  if (bytes > dataOffsetBytes) return;
  throw new LuksmithError("usage", "the image cannot become a volume: it ends with its header", {
    hint: "has it been cut on the backup host",
  });
}

/** The first snapshot is of when the file system was last written to; clocks may have been wrong. */
export function planName(writtenAt: Date | undefined, now: Date): string {
  return snapshotName(writtenAt === undefined || writtenAt > now ? now : writtenAt);
}

export function headerText(header: ForeignHeader, digest: string): string {
  const { uuid, cipher, volumeKeyBits, sectorBytes, dataOffsetBytes, slots, tokens } = header;
  const more = tokens.length === 0 ? "" : `, tokens: ${tokens.map(quoteText).join(", ")}`;
  return `to be pinned: LUKS2 ${uuid}, ${cipher} with a key of ${volumeKeyBits} bits, sectors of ${sectorBytes} bytes, data from ${formatBytes(dataOffsetBytes)} on, ${plural(slots.length, "key slot")} (${slots.map(quoteText).join(", ")})${more}; SHA-256 of the header ${digest}`;
}

/** @param names of what is at the root, as characters of one byte each */
export function snapshotText(
  names: readonly string[],
  { root, snapshot, job }: { root: string; snapshot: string; job: string },
): string {
  if (names.length === 0) return "it is empty: no snapshot is made of it";
  const shown = names.slice(0, shownNames).map((name) => quoteText(Buffer.from(name, "latin1").toString()));
  const rest = names.length > shown.length ? ` and ${names.length - shown.length} more` : "";
  return `what is at its root (${shown.join(", ")}${rest}) becomes ${quoteText(root)} in snapshot ${snapshot} of job ${job}, by renaming`;
}
