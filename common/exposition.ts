/**
 * Prometheus' text format, as far as a few gauges and counters need it. prom-client, which the controller has, would cost the agent
 * 10 MB of its 60 (measured with --jitless: it brings OpenTelemetry along), and the controller more than a second for each scrape of
 * 10,000 machines' jobs, in which nothing else happens.
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4)
 */

export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter";
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export const expositionType = "text/plain; version=0.0.4; charset=utf-8";

/** Metrics without samples are left out. */
export function exposition(metrics: readonly Metric[]): string {
  return metrics
    .filter(({ samples }) => samples.length > 0)
    .map(
      (metric) =>
        `${expositionHead(metric)}${metric.samples.map((each) => expositionLine(metric.name, each)).join("")}`,
    )
    .join("");
}

/** For what has too many samples to be held at once: the head, then a line for each. */
export function expositionHead({ name, help, type }: Omit<Metric, "samples">): string {
  return `# HELP ${name} ${help.replace(/\\/g, "\\\\").replace(/\n/g, "\\n")}\n# TYPE ${name} ${type}\n`;
}

export function expositionLine(name: string, { labels, value }: Sample): string {
  return `${name}${labelsText(labels)} ${value}\n`;
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n")}"`,
  );
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}
