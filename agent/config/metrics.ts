/** Where programs that watch this machine find how its backups stand. */

import * as z from "zod";
import { type ListenAddress, listenAddressSchema } from "../../common/config/listen-address.ts";
import { plainPathSchema } from "../../common/config/names.ts";

export interface MetricsConfig {
  /** By HTTP, to whoever can reach it; undefined: not. */
  readonly listen: ListenAddress | undefined;
  /** A file for node_exporter; undefined: none. */
  readonly textfile: string | undefined;
}

export const metricsFileSchema = z.strictObject({
  listen: listenAddressSchema
    .optional()
    .describe('Where /metrics is served, such as "127.0.0.1:7481"; asks nobody who they are'),
  textfile: plainPathSchema
    // whatever else is in that directory is not what is replaced
    .refine((path) => path.endsWith(".prom"), { error: 'must end with ".prom", or node_exporter does not read it' })
    .optional()
    .describe("A file in the directory of node_exporter's textfile collector"),
});

export function toMetricsConfig({ listen, textfile }: z.output<typeof metricsFileSchema>): MetricsConfig {
  return { listen, textfile };
}
