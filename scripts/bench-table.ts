/** The benchmark's measurements as Markdown: of several of one thing, the quickest. Pure. */

export interface Measurement {
  /** Of files. */
  readonly set: string;
  readonly tool: string;
  readonly row: string;
  readonly rttMs: number;
  readonly seconds: number;
  /** Of them, until the image was a device on the machine. Left out for what has none. */
  readonly opening?: number;
  /** Bytes on the wire, as the machine's side counts them. */
  readonly sent: number;
  readonly received: number;
  /** Bytes, at the most, of the tool's processes on the machine's side. */
  readonly memory: number;
  readonly failed?: string;
}

/** A table for each set of files and round trip time: a row for what is done, a column for each tool. */
export function benchTables(measurements: readonly Measurement[]): string {
  return distinct(measurements, "set")
    .flatMap((set) => {
      const ofSet = measurements.filter((one) => one.set === set);
      const tables = distinct(ofSet, "rttMs").map((rttMs) =>
        table(
          rttMs,
          ofSet.filter((one) => one.rttMs === rttMs),
        ),
      );
      return [`### ${capitalized(set)}`, "", ...tables];
    })
    .join("\n");
}

/** Each failure once, with what was said: in a table there is no room for it. Empty when nothing failed. */
export function failures(measurements: readonly Measurement[]): string {
  const lines = measurements.flatMap(({ set, rttMs, tool, row, failed }) =>
    failed === undefined ? [] : [`- ${tool}, ${row}, ${set}, ${rttMs} ms: ${oneLine(failed)}`],
  );
  return lines.join("\n");
}

/** Where luksmith takes longer than one of the rivals: a line each. Empty when it does nowhere. */
export function whereSlower(measurements: readonly Measurement[], rivals: readonly string[]): string {
  const lines = cells(measurements).flatMap(({ set, rttMs, row, best }) => {
    const quicker = rivals.flatMap((rival) => best.get(rival) ?? []).filter(({ failed }) => failed === undefined);
    return [...best.values()]
      .filter(({ tool, failed }) => tool.startsWith("luksmith") && failed === undefined)
      .flatMap((ours) => {
        const theirs = quicker.filter(({ seconds }) => seconds < ours.seconds);
        if (theirs.length === 0) return [];
        const said = [ours, ...theirs].map((one) => `${one.tool} ${inSeconds(one)}`).join(", ");
        return [`- ${set}, ${rttMs} ms, ${row}: ${said}`];
      });
  });
  return lines.join("\n");
}

/** How many times as long as each of luksmith's ways the recipe takes for a row: a line for each set and link. */
export function timesAsLong(measurements: readonly Measurement[], recipe: string, row: string): string {
  const lines = cells(measurements).flatMap((cell) => {
    const byHand = cell.best.get(recipe);
    if (cell.row !== row || byHand === undefined || byHand.failed !== undefined) return [];
    const ours = [...cell.best.values()].filter(
      ({ tool, failed }) => tool.startsWith("luksmith") && failed === undefined,
    );
    if (ours.length === 0) return [];
    const said = ours.map(({ tool, seconds }) => `${(byHand.seconds / seconds).toFixed(1)} × ${tool}`).join(", ");
    return [`- ${cell.set}, ${cell.rttMs} ms: ${said}`];
  });
  return lines.join("\n");
}

interface Cells {
  readonly set: string;
  readonly rttMs: number;
  readonly row: string;
  /** By tool. */
  readonly best: ReadonlyMap<string, Measurement>;
}

function cells(measurements: readonly Measurement[]): Cells[] {
  return distinct(measurements, "set").flatMap((set) =>
    distinct(measurements, "rttMs").flatMap((rttMs) =>
      distinct(measurements, "row").map((row) => {
        const here = measurements.filter((one) => one.set === set && one.rttMs === rttMs && one.row === row);
        return { set, rttMs, row, best: bestByTool(here) };
      }),
    ),
  );
}

function bestByTool(measurements: readonly Measurement[]): Map<string, Measurement> {
  const best = new Map<string, Measurement>();
  for (const one of measurements) {
    const other = best.get(one.tool);
    if (other === undefined || rank(one) < rank(other)) best.set(one.tool, one);
  }
  return best;
}

/** One that failed is never hidden by one that did not. */
function rank({ failed, seconds }: Measurement): number {
  return failed === undefined ? seconds : -1;
}

function table(rttMs: number, measurements: readonly Measurement[]): string {
  const tools = distinct(measurements, "tool");
  const lines = distinct(measurements, "row").map((row) => {
    const best = bestByTool(measurements.filter((one) => one.row === row));
    return `| ${row} | ${tools.map((tool) => cell(best.get(tool))).join(" | ")} |`;
  });
  return [
    `**${rttMs} ms round trip** (seconds, in brackets those of them until the image was opened; MB sent / received; MB of memory)`,
    "",
    `| | ${tools.join(" | ")} |`,
    `|---|${tools.map(() => "---:").join("|")}|`,
    ...lines,
    "",
  ].join("\n");
}

function cell(measurement: Measurement | undefined): string {
  if (measurement === undefined) return "–";
  const { failed, seconds, opening, sent, received, memory } = measurement;
  if (failed !== undefined) return "failed";
  const opened = opening === undefined ? "" : ` (${opening.toFixed(1)})`;
  return `**${seconds.toFixed(1)}**${opened}; ${megabytes(sent, 1)} / ${megabytes(received, 1)}; ${megabytes(memory, 0)}`;
}

function inSeconds({ seconds, opening }: Measurement): string {
  const opened = opening === undefined ? "" : ` (${opening.toFixed(1)} of them until the image was opened)`;
  return `${seconds.toFixed(1)} s${opened}`;
}

function megabytes(bytes: number, digits: number): string {
  return (bytes / 1e6).toFixed(digits);
}

function distinct<Key extends "set" | "rttMs" | "row" | "tool">(
  measurements: readonly Measurement[],
  key: Key,
): Measurement[Key][] {
  return [...new Set(measurements.map((one) => one[key]))];
}

function capitalized(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
