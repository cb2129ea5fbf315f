/** What rsync prints on standard output, understood. Pure. Source: rsync(1), --info=progress2, --stats, --itemize-changes. */

import { Item_Action } from "../../proto/gen/luksmith/v1/types.ts";

export interface RsyncProgress {
  readonly bytesDone: number;
  readonly percent: number;
  readonly filesDone: number;
  readonly filesTotal: number;
  /** False while rsync is still finding files: the total then grows. */
  readonly totalKnown: boolean;
}

export interface RsyncStats {
  readonly files: number;
  readonly filesCopied: number;
  readonly bytes: number;
  readonly bytesCopied: number;
  /** What the files are: regular, directories, symbolic links, devices, FIFOs and sockets. */
  readonly kinds: Readonly<Record<RsyncKind, number>>;
}

export const rsyncKinds = ["reg", "dir", "link", "dev", "special"] as const;
export type RsyncKind = (typeof rsyncKinds)[number];

export const noStats: RsyncStats = {
  files: 0,
  filesCopied: 0,
  bytes: 0,
  bytesCopied: 0,
  kinds: { reg: 0, dir: 0, link: 0, dev: 0, special: 0 },
};

/** `  1,234,567  42%   10.24MB/s    0:00:05 (xfr#12, ir-chk=1000/2345)`; ir-chk while recursing, then to-chk. */
const progressLine = /^\s*([\d,]+)\s+(\d+)%\s+\S+\s+\S+(?:\s+\(xfr#(\d+), (ir|to)-chk=(\d+)\/(\d+)\))?\s*$/;

export function parseProgress(line: Buffer): RsyncProgress | undefined {
  const match = line.length > 200 ? null : progressLine.exec(line.toString("latin1"));
  if (!match) return undefined;
  const [, bytes = "", percent, , kind, left, total] = match;
  return {
    bytesDone: number(bytes),
    percent: Number(percent),
    filesDone: Number(total ?? 0) - Number(left ?? 0),
    filesTotal: Number(total ?? 0),
    totalKnown: kind === "to",
  };
}

const statsLine = /^(Number of |Total |Literal data|Matched data|File list |sent |total size|Unmatched data)/;

/** Takes the lines of --stats. */
export function parseStats(lines: readonly string[]): RsyncStats {
  const value = (label: string) => {
    const line = lines.find((candidate) => candidate.startsWith(`${label}:`));
    return number(/:\s*([\d,]+)/.exec(line ?? "")?.[1] ?? "0");
  };
  const kinds = lines.find((line) => line.startsWith("Number of files:")) ?? "";
  const ofKind = (kind: RsyncKind) => number(new RegExp(`\\b${kind}: ([\\d,]+)`).exec(kinds)?.[1] ?? "0");
  return {
    kinds: {
      reg: ofKind("reg"),
      dir: ofKind("dir"),
      link: ofKind("link"),
      dev: ofKind("dev"),
      special: ofKind("special"),
    },
    files: value("Number of files"),
    filesCopied: value("Number of regular files transferred"),
    bytes: value("Total file size"),
    bytesCopied: value("Total transferred file size"),
  };
}

/** With --out-format our own lines begin with a mark that no line of --stats has, so names cannot pass for figures. */
export function isStatsLine(line: Buffer): boolean {
  return line.length < 200 && statsLine.test(line.toString("latin1"));
}

const slash = 0x2f;

/** Begins every line of {@link itemFormat}. */
const itemMark = "@";
/** Mark, itemized changes, size, name. */
export const itemFormat = `${itemMark}%i %l %n`;

export interface RsyncItem {
  /** The eleven characters of --itemize-changes, such as ">f+++++++++" or ".d..t......". */
  readonly changes: string;
  readonly size: number;
  /** As on disk. */
  readonly path: Buffer;
}

export function parseItem(line: Buffer): RsyncItem | undefined {
  if (line.subarray(0, 1).toString() !== itemMark) return undefined;
  const text = line.toString("latin1");
  const match = /^@(\*deleting {2}|.{11}) +(\d+) (.*)$/s.exec(text);
  if (!match) return undefined;
  const [, changes = "", size, name = ""] = match;
  return { changes: changes.trimEnd(), size: Number(size), path: unescapeName(Buffer.from(name, "latin1")) };
}

/**
 * Pure: the path relative to where rsync writes; undefined when it is that directory, or leads out of it. Where rsync runs for a user, what
 * it prints is the user's word.
 */
export function pathWithin({ path: shown }: Pick<RsyncItem, "path">): Buffer | undefined {
  const path = shown[0] === slash ? shown.subarray(1) : shown;
  const isWithin = path.length > 0 && !path.toString("latin1").split("/").includes("..");
  return isWithin ? path : undefined;
}

/** Pure: what a line of --itemize-changes did to the file; undefined when it only says that nothing changed. */
export function itemAction(changes: string): Item_Action | undefined {
  if (changes.startsWith("*deleting")) return Item_Action.DELETE;
  const [update = "", , ...attributes] = changes;
  if (attributes[0] === "+") return Item_Action.ADD;
  const changed = attributes.some((attribute) => attribute !== "." && attribute !== " ");
  if (!changed) return undefined;
  if (update === "h") return Item_Action.LINK;
  return update === ">" || update === "<" || update === "c" ? Item_Action.CHANGE : Item_Action.METADATA;
}

/** rsync writes bytes it does not want to print as \#ooo (three octal digits), in names on stdout and stderr alike. */
export function unescapeName(name: Buffer): Buffer {
  if (!name.includes("\\#")) return name;
  const text = name.toString("latin1");
  return Buffer.from(
    text.replace(/\\#([0-3][0-7]{2})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    "latin1",
  );
}

function number(text: string): number {
  return Number(text.replaceAll(",", ""));
}
