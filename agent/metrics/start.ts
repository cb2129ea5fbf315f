/** Metrics by HTTP and as a file, as far as the configuration wants them; and whether the agent works. */

import type { Clock } from "../../common/clock.ts";
import { expositionType } from "../../common/exposition.ts";
import type { Log } from "../../common/log.ts";
import { plain, servePages } from "../../common/page-server.ts";
import type { MetricsConfig } from "../config/metrics.ts";
import type { Change } from "../runs/change.ts";
import type { AgentMetrics } from "./agent-metrics.ts";
import { keepTextfile } from "./textfile.ts";

/**
 * /healthz: the process answers. /readyz: whoever wants something of it can connect.
 * @param isReady whether its socket is there
 * @param changed rings when a run has begun or ended
 * @returns what ends it
 * @throws {LuksmithError} "config" when it cannot listen there
 */
export async function startMetrics(
  { listen, textfile }: MetricsConfig,
  metrics: Pick<AgentMetrics, "text">,
  isReady: () => boolean,
  changed: Change,
  clock: Clock,
  log: Log,
): Promise<() => Promise<void>> {
  const page = async () => ({ status: 200, contentType: expositionType, body: await metrics.text() });
  const pages = {
    "/metrics": page,
    "/healthz": async () => plain(200, "ok\n"),
    "/readyz": async () => (isReady() ? plain(200, "ok\n") : plain(503, "the agent's socket is not there\n")),
  };
  const server = listen === undefined ? undefined : await servePages(listen, pages, log);
  const stop = new AbortController();
  const kept =
    textfile === undefined ? undefined : keepTextfile(textfile, () => metrics.text(), changed, clock, log, stop.signal);
  return async () => {
    stop.abort();
    await server?.close();
    await kept;
  };
}
