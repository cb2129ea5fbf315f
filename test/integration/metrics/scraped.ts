/** What a program that was scraped told: metrics by name, with the labels of each. */
export interface Scraped {
  /** Of each sample, by the name that it stands under. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
  /** By name and labels as they stand there. */
  readonly values: ReadonlyMap<string, number>;
}

/** Of {@link scrape}d text. @throws {Error} for a line that is none of the format's */
export function readScraped(text: string): Scraped {
  const labels = new Map<string, string[]>();
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, name, , inner = "", value] = /^([a-z_:][a-z0-9_:]*)(\{(.*)\})? (\S+)$/i.exec(line) ?? [];
    if (name === undefined || !/^(nan|[+-]?inf|[-+.\de]+)$/i.test(value ?? "")) throw new Error(`what is ${line}?`);
    const names = [...inner.matchAll(/([a-z_][a-z0-9_]*)="(?:[^"\\]|\\.)*"/gi)].map(([, label = ""]) => label);
    labels.set(name, [...new Set([...(labels.get(name) ?? []), ...names])]);
    values.set(inner === "" ? name : `${name}{${inner}}`, Number(value));
  }
  return { labels, values };
}

export async function scrape(port: number): Promise<Scraped> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  if (response.status !== 200) throw new Error(`/metrics answers ${response.status}`);
  return readScraped(await response.text());
}
