/** Lists of file names with a NUL after each, as `find -print0` and `luksmith ls --print0` write them. */

import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { hasErrno, LuksmithError } from "../common/errors.ts";
import { quoteText } from "../common/quote.ts";

/** The agent takes messages of 4 MiB (gRPC's own limit); some of it is for what surrounds the names. */
const limitBytes = 3.5 * 2 ** 20;

/** @param file "-" for standard input. @throws {LuksmithError} "usage" when there is no name in it, or too much */
export async function readPathList(file: string): Promise<Buffer[]> {
  const stream: Readable = file === "-" ? process.stdin : createReadStream(file);
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > limitBytes) throw tooManyPaths();
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof LuksmithError) throw error;
    const why = hasErrno(error, "ENOENT") ? "no such file" : hasErrno(error, "EACCES") ? "permission denied" : "";
    throw new LuksmithError("usage", `could not read ${quoteText(file)}${why === "" ? "" : `: ${why}`}`, {
      cause: error,
    });
  }
  const paths = splitPathList(Buffer.concat(chunks));
  if (paths.length === 0) {
    // nothing named must not become everything
    throw new LuksmithError("usage", `there is no file name in ${file === "-" ? "standard input" : quoteText(file)}`, {
      hint: "to restore everything, leave --paths0-from out",
    });
  }
  return paths;
}

export function splitPathList(list: Buffer): Buffer[] {
  const paths: Buffer[] = [];
  for (let start = 0; start < list.length; ) {
    const end = list.indexOf(0, start);
    const stop = end === -1 ? list.length : end;
    if (stop > start) paths.push(list.subarray(start, stop));
    start = stop + 1;
  }
  return paths;
}

/** @throws {LuksmithError} "usage" when they do not fit in one message */
export function checkPathList(paths: Buffer[]): Buffer[] {
  // each name has some bytes of its own around it (protobuf's tag and length)
  const bytes = paths.reduce((sum, path) => sum + path.length + 6, 0);
  if (bytes > limitBytes) throw tooManyPaths();
  return paths;
}

function tooManyPaths(): LuksmithError {
  return new LuksmithError("usage", "too many file names for one restore", {
    hint: "name their directories instead, or restore in several parts",
  });
}
