/** dd(1) of GNU coreutils. */

/** Pure. @returns how much it has copied, by the last line of its `status=progress` in this text */
export function copiedBytes(said: string): number | undefined {
  const all = [...said.matchAll(/(?:^|[\r\n])(\d+) bytes? /g)];
  const last = all.at(-1)?.[1];
  return last === undefined ? undefined : Number(last);
}
