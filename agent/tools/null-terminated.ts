/** Names as programs take them from standard input: any bytes, a NUL behind each (find -files0-from, rsync --from0, xargs --null). */

const terminator = Buffer.from("\0");

/** Pure. @param start stands in front of each: where the paths begin, or "./", so that none looks like an option or a comment */
export function nullTerminated(paths: readonly Buffer[], start = ""): Buffer {
  const prefix = Buffer.from(start);
  return Buffer.concat(paths.flatMap((path) => [prefix, path, terminator]));
}
