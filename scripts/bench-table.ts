/** The benchmark's measurements as a Markdown table: of several of one thing, the quickest. Pure. */

export interface Measurement {
  readonly tool: string;
  readonly row: string;
  readonly rttMs: number;
  readonly seconds: number;
  /** Bytes on the wire, as the machine's side counts them. */
  readonly sent: number;
  readonly received: number;
  readonly failed?: string;
}

/** One table for each round trip time: a row for what is done, a column for each tool. */
export function benchTables(measurements: readonly Measurement[]): string {
  const rtts = [...new Set(measurements.map(({ rttMs }) => rttMs))];
  return rtts
    .map((rttMs) =>
      table(
        rttMs,
        measurements.filter((one) => one.rttMs === rttMs),
      ),
    )
    .join("\n");
}

function table(rttMs: number, measurements: readonly Measurement[]): string {
  const tools = [...new Set(measurements.map(({ tool }) => tool))];
  const rows = [...new Set(measurements.map(({ row }) => row))];
  const lines = rows.map((row) => {
    const cells = tools.map((tool) =>
      cell(
        measurements
          .filter((one) => one.tool === tool && one.row === row)
          .toSorted((one, other) => rank(one) - rank(other))[0],
      ),
    );
    return `| ${row} | ${cells.join(" | ")} |`;
  });
  return [
    `**${rttMs} ms round trip** (seconds; MB sent / received)`,
    "",
    `| | ${tools.join(" | ")} |`,
    `|---|${tools.map(() => "---:").join("|")}|`,
    ...lines,
    "",
  ].join("\n");
}

/** One that failed is never hidden by one that did not. */
function rank({ failed, seconds }: Measurement): number {
  return failed === undefined ? seconds : -1;
}

function cell(measurement: Measurement | undefined): string {
  if (measurement === undefined) return "–";
  if (measurement.failed !== undefined) return "failed";
  const mb = (bytes: number) => (bytes / 1e6).toFixed(1);
  return `${measurement.seconds.toFixed(1)} (${mb(measurement.sent)} / ${mb(measurement.received)})`;
}
