/** Directories for a test's own use, files of any name in them, and who else may look at them. */

import { chmodSync, lutimesSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";

/** Another user, who may do nothing here but what is open to all: nobody, as everywhere on Linux. */
export const nobody = { uid: 65534, gid: 65534 } as const;

/** What needs another user, or a mount, says why it did not run. */
export const rootOnly = process.getuid?.() === 0 ? {} : { skip: "needs root" };

/** One character a byte. */
export const latin1 = (text: string) => Buffer.from(text, "latin1");

/** Names that are hard on whoever reads lines, words, options or text. */
export const oddNames: readonly Buffer[] = [
  "plain",
  "new\nline",
  "\n",
  "carriage\rreturn",
  "tab\there",
  'dou"ble',
  "sin'gle",
  "back\\slash",
  "lit\\#012eral",
  "-rf",
  "--delete",
  "#hash",
  ";semicolon",
  " lead",
  "trail ",
  "a => b",
  "%i %n",
  "*",
  "\u001b[2J",
  "\x7f",
  "\xff\xfe",
  "caf\xe9",
  "\xc3\xa4",
  "@>f+++++++++ 1 forged",
  "Number of files: 9",
  'file has vanished: "x"',
  "No such file or directory",
].map(latin1);

/** @returns an empty directory that everyone may enter; it goes when the test ends */
export function scratch(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "luksmith-tools-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  chmodSync(directory, 0o755);
  return directory;
}

export function at(directory: string, name: Buffer | string): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), typeof name === "string" ? Buffer.from(name) : name]);
}

/** Files with one line each, in directories that are made as needed. @param mtime seconds since 1970 */
export function writeFile(path: Buffer | string, content: string | Uint8Array = "x\n", mtime?: number): void {
  if (typeof path === "string") mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  if (mtime !== undefined) lutimesSync(path, mtime, mtime);
}

export function sorted(names: readonly Buffer[]): string[] {
  return names.map((name) => name.toString("latin1")).sort();
}
