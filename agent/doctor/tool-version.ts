/** Version numbers in what tools print of themselves. Pure. */

/** @returns "3.7.3" out of "SSHFS version 3.7.3"; the tool's own line is preferred where several have a number */
export function findVersion(said: string, file: string): string | undefined {
  const lines = said.split("\n");
  const own = lines.filter((line) => line.toLowerCase().includes(file.toLowerCase().split(".")[0] ?? file));
  for (const line of [...own, ...lines]) {
    const match = /(?:^|[^\d.])(\d+\.\d+(?:\.\d+)*)/.exec(line);
    if (match) return match[1];
  }
  return undefined;
}

/** Negative when `a` is older than `b`. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split(".").map(Number));
  for (let index = 0; index < Math.max(left?.length ?? 0, right?.length ?? 0); index += 1) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
