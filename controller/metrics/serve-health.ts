/** The controller's plain HTTP port: metrics, and whether it works. */

import { sql } from "kysely";
import type { Clock } from "../../common/clock.ts";
import type { ListenAddress } from "../../common/config/listen-address.ts";
import type { Log } from "../../common/log.ts";
import { type PageServer, plain, servePages } from "../../common/page-server.ts";
import type { Store } from "../store/store.ts";
import type { FleetMetrics } from "./fleet-metrics.ts";

/** Whoever asks would wait no longer. */
const answerMs = 3000;

/**
 * /healthz: the process answers. /readyz: machines and operators can be served: the database answers and takes what is to be stored, the
 * listener listens.
 * @param isListening whether machines can connect now
 * @throws {LuksmithError} "config" when it cannot listen there
 */
export function serveHealth(
  address: ListenAddress,
  metrics: FleetMetrics,
  store: Store,
  isListening: () => boolean,
  clock: Clock,
  log: Log,
): Promise<PageServer> {
  return servePages(
    address,
    {
      "/metrics": async () => ({ status: 200, ...(await metrics.text()) }),
      "/healthz": async () => plain(200, "ok\n"),
      "/readyz": async () => {
        const isThere = await answers(store, clock);
        const faults = [
          ...(isThere ? [] : ["the database does not answer"]),
          ...(isThere && store.fault !== undefined ? [store.fault.message] : []),
          ...(isListening() ? [] : ["machines cannot connect"]),
        ];
        return faults.length === 0 ? plain(200, "ok\n") : plain(503, `${faults.join("\n")}\n`);
      },
    },
    log,
  );
}

async function answers(store: Store, clock: Clock): Promise<boolean> {
  const over = new AbortController();
  const asked = sql`select 1`.execute(store.database).then(
    () => true,
    () => false,
  );
  const late = clock.sleep(answerMs, over.signal).then(
    () => false,
    () => false,
  );
  try {
    return await Promise.race([asked, late]);
  } finally {
    over.abort();
  }
}
