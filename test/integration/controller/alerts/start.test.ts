/** From a configuration file to a message at somebody's door, all of it. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { it } from "node:test";
import { pino } from "pino";
import { systemClock } from "../../../../common/clock.ts";
import { waitUntil } from "../../../../common/wait-until.ts";
import { startAlerts } from "../../../../controller/alerts/start.ts";
import { loadControllerConfig } from "../../../../controller/config/controller-config.ts";
import { FleetMetrics } from "../../../../controller/metrics/fleet-metrics.ts";
import { Store } from "../../../../controller/store/store.ts";
import { addSmallFleet } from "../metrics/fleet-rows.ts";

const log = pino({ level: "silent" });

it("a backup that is missing is told of, the dead man is pinged, and a test comes through", async () => {
  const directory = await mkdtemp(join(tmpdir(), "luksmith-alerts-"));
  const got: { path: string; body: string }[] = [];
  const server = createServer((request, response) => {
    text(request).then(
      (body) => {
        got.push({ path: request.url ?? "", body });
        response.writeHead(200).end();
      },
      () => undefined,
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  await writeFile(join(directory, "secret"), "s3cret\n", { mode: 0o600 });
  const path = join(directory, "controller.yaml");
  await writeFile(
    path,
    `
database: ${directory}/fleet.db
alerts:
  channels: { hook: { webhook: { url: "${url}/hook", secret: { file: ${directory}/secret } } } }
  pendingFor: 0s
  atMostEvery: 0s
  deadManPing: ${url}/alive
`,
    { mode: 0o600 },
  );
  const config = await loadControllerConfig(path);
  const store = await Store.open(config.database, systemClock, log);
  try {
    await addSmallFleet(store, Date.now());
    await store.database.deleteFrom("alerts").execute();
    await store.database.deleteFrom("settings").execute();
    await store.database.deleteFrom("deliveries").execute();
    const metrics = new FleetMetrics(store, config.metrics, systemClock, log);
    const expectations = async () => () => [{ job: "home", maxAgeMs: 0, sinceMs: 0 }];
    const alerts = await startAlerts(store, config, expectations, metrics, systemClock, log);
    const hooks = () => got.filter(({ path: where }) => where === "/hook").map(({ body }) => JSON.parse(body));
    assert.ok(await waitUntil(systemClock, 20_000, () => hooks().length > 0));
    assert.equal(hooks()[0].type, "alerts");
    assert.deepEqual(
      hooks()[0]
        .firing.alerts.filter(({ kind }: { kind: string }) => kind === "overdue")
        .map(({ machine }: { machine: string }) => machine),
      ['we"b2', "web1"],
    );
    assert.ok(await waitUntil(systemClock, 20_000, () => got.some(({ path: where }) => where === "/alive")));
    const [result] = await alerts.test("hook", new AbortController().signal);
    assert.deepEqual(result, { channel: "hook", delivered: true, detail: "the server answers 200" });
    assert.equal(hooks().at(-1).type, "test");
    await alerts.close();
    assert.match(
      (await metrics.text()).body,
      /luksmith_alert_deliveries_total\{channel="hook",outcome="delivered"\} 1/,
    );
  } finally {
    await store.close();
    server.closeAllConnections();
    server.close();
    await chmod(path, 0o666);
    await assert.rejects(loadControllerConfig(path), { code: "config", hint: `chmod go-w ${path}` });
    await rm(directory, { recursive: true, force: true });
  }
});
