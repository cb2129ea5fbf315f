/** dmsetup(8): device-mapper tables. Nothing here asks for keys: without --showkeys dmsetup hides them. */

import { type Exec, mustRun } from "../../common/exec.ts";

const deadlineMs = 20_000;
export const bytesPerDmSector = 512;

/** A line of `dmsetup table`: "home: 0 581632 crypt aes-xts-plain64 ..." */
export interface DmTarget {
  readonly name: string;
  readonly start: number;
  readonly sectors: number;
  readonly target: string;
  readonly args: readonly string[];
}

export async function createDm(exec: Exec, name: string, table: string, signal: AbortSignal): Promise<void> {
  await mustRun(exec, { file: "dmsetup", args: ["create", name, "--table", table], deadlineMs, signal });
}

/** Puts another table under a live device; I/O waits meanwhile. */
export async function replaceDmTable(exec: Exec, name: string, table: string, signal: AbortSignal): Promise<void> {
  await mustRun(exec, { file: "dmsetup", args: ["load", name, "--table", table], deadlineMs, signal });
  await mustRun(exec, { file: "dmsetup", args: ["resume", name], deadlineMs, signal });
}

/** `force` puts the error target under it first, so that what hangs on it gets errors and lets go. */
export async function removeDm(exec: Exec, name: string, how: "plain" | "force" = "plain"): Promise<void> {
  const args = ["remove", ...(how === "force" ? ["--force"] : []), "--retry", name];
  await mustRun(exec, { file: "dmsetup", args, deadlineMs });
}

export async function dmTables(exec: Exec, signal: AbortSignal): Promise<DmTarget[]> {
  const { stdout } = await mustRun(exec, { file: "dmsetup", args: ["table"], deadlineMs, signal });
  return parseDmTables(stdout.toString());
}

export function parseDmTables(text: string): DmTarget[] {
  return text.split("\n").flatMap((line) => {
    const match = /^(\S+): (\d+) (\d+) (\S+) ?(.*)$/.exec(line.trimEnd());
    if (!match) return [];
    const [, name = "", start, sectors, target = "", rest = ""] = match;
    return [{ name, start: Number(start), sectors: Number(sectors), target, args: rest.split(" ").filter(Boolean) }];
  });
}
