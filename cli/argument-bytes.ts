/**
 * File names from the command line as the bytes that they are. Node decodes its arguments as UTF-8 and puts U+FFFD
 * where that fails, which would lose every other name; the kernel still has the bytes (proc_pid_cmdline(5)).
 */

import { readFileSync } from "node:fs";

const replacement = "\uFFFD";

/** The arguments of this process, the program's own first words included. */
export function readRawArguments(): Buffer[] {
  const all = readFileSync("/proc/self/cmdline");
  const found: Buffer[] = [];
  for (let start = 0; start < all.length; ) {
    const end = all.indexOf(0, start);
    const stop = end === -1 ? all.length : end;
    found.push(all.subarray(start, stop));
    start = stop + 1;
  }
  return found;
}

/**
 * The bytes of one argument, or of what stands behind the "=" of an option.
 * @param text as Node gave it
 * @param raw all arguments; each one that is found is taken out, for two names may look the same when decoded
 */
export function argumentBytes(text: string, raw: Buffer[]): Buffer {
  if (!text.includes(replacement)) return Buffer.from(text);
  for (const [index, bytes] of raw.entries()) {
    const decoded = bytes.toString();
    if (decoded !== text && !decoded.endsWith(`=${text}`)) continue;
    raw.splice(index, 1);
    // in front of the name there is only an option's own, which is ASCII
    return bytes.subarray(decoded.length - text.length);
  }
  return Buffer.from(text);
}
