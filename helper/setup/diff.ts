/** Two short texts, line by line: "  " what stays, "- " what goes, "+ " what comes. Pure. */

/** A longer one is not compared: all of it goes, and all of the other comes. */
const mostLines = 2000;

export function diffLines(before: string, after: string): string[] {
  const old = linesOf(before);
  const fresh = linesOf(after);
  if (old.length > mostLines || fresh.length > mostLines) {
    return [...old.map((line) => `- ${line}`), ...fresh.map((line) => `+ ${line}`)];
  }
  // length of the longest common part from each pair of places on
  const common = Array.from({ length: old.length + 1 }, () => new Uint16Array(fresh.length + 1));
  const at = (i: number, j: number) => common[i]?.[j] ?? 0;
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = fresh.length - 1; j >= 0; j -= 1) {
      const row = common[i];
      if (row) row[j] = old[i] === fresh[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const shown: string[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length || j < fresh.length) {
    if (i < old.length && j < fresh.length && old[i] === fresh[j]) {
      shown.push(`  ${old[i]}`);
      i += 1;
      j += 1;
    } else if (i < old.length && (j === fresh.length || at(i + 1, j) >= at(i, j + 1))) {
      shown.push(`- ${old[i]}`);
      i += 1;
    } else {
      shown.push(`+ ${fresh[j]}`);
      j += 1;
    }
  }
  return shown;
}

function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}
