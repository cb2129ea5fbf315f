/** What the controller tells those who watch it, on both databases. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, it } from "node:test";
import { pino } from "pino";
import { systemClock } from "../../../../common/clock.ts";
import { FleetMetrics } from "../../../../controller/metrics/fleet-metrics.ts";
import { serveHealth } from "../../../../controller/metrics/serve-health.ts";
import type { Store } from "../../../../controller/store/store.ts";
import { RunState, Verb } from "../../../../proto/gen/luksmith/v1/types.ts";
import { scrape } from "../../metrics/scraped.ts";
import { eachStore } from "../harness/each-store.ts";
import { addSmallFleet } from "./fleet-rows.ts";

const log = pino({ level: "silent" });

eachStore("metrics and health", (scene) => {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  async function serve(store: Store, perJob = true, isListening = () => true) {
    const metrics = new FleetMetrics(store, { perJob }, systemClock, log);
    const address = { host: "127.0.0.1", port: 0 };
    const server = await serveHealth(address, metrics, store, isListening, systemClock, log);
    closing.push(() => server.close());
    return { metrics, port: server.port };
  }

  const get = async (port: number, path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return [response.status, await response.text()];
  };

  it("tells of the fleet as the store has it, and of what this controller did", async () => {
    const store = await scene.open();
    const nowMs = Date.now();
    await addSmallFleet(store, nowMs);
    const { metrics, port } = await serve(store);
    metrics.runEnded(Verb.CHECK_VOLUME, RunState.FAILED);
    metrics.eventsRecorded(50);
    metrics.batchWritten(3);
    metrics.storeFailed();
    metrics.removedBeyondQuota("events", 7);
    metrics.deliveries.failed("ping:", true);
    metrics.watch.looked(200);
    assert.equal(await metrics.schedulesRead(async () => 7), 7);
    await assert.rejects(metrics.schedulesRead(() => Promise.reject(new Error("away"))));
    const { values } = await scrape(port);
    const expected: Record<string, number> = {
      'luksmith_machines{state="active"}': 2,
      'luksmith_machines{state="pending"}': 1,
      'luksmith_machines{state="revoked"}': 0,
      luksmith_machines_connected: 2,
      luksmith_store_up: 1,
      'luksmith_task_duration_seconds_count{task="schedules"}': 1,
      'luksmith_task_failures_total{task="schedules"}': 1,
      'luksmith_dispatches{state="queued"}': 1,
      'luksmith_dispatches{state="running"}': 0,
      'luksmith_permits{state="waiting"}': 2,
      'luksmith_permits{state="granted"}': 1,
      'luksmith_alerts{kind="overdue",state="firing"}': 1,
      'luksmith_alerts{kind="overdue",state="pending"}': 1,
      'luksmith_alert_deliveries_waiting{channel="mail"}': 1,
      luksmith_alerts_evaluated_timestamp_seconds: nowMs / 1000,
      'luksmith_certificate_expiry_timestamp_seconds{kind="authority"}': (nowMs + 9000) / 1000,
      'luksmith_certificate_expiry_timestamp_seconds{kind="machine"}': (nowMs + 7000) / 1000,
      'luksmith_certificate_expiry_timestamp_seconds{kind="controller"}': (nowMs + 6000) / 1000,
      'luksmith_job_last_good_timestamp_seconds{machine="web1",backup_job="home"}': (nowMs - 1000) / 1000,
      'luksmith_job_overdue{machine="web1",backup_job="home"}': 0,
      'luksmith_job_overdue{machine="we\\"b2",backup_job="home"}': 1,
      'luksmith_job_overdue{machine="we\\"b2",backup_job="gone"}': 1,
      'luksmith_runs_total{verb="check_volume",outcome="failed"}': 1,
      luksmith_run_events_total: 50,
      'luksmith_quota_removed_total{what="events"}': 7,
      luksmith_store_batch_duration_seconds_count: 1,
      luksmith_store_errors_total: 1,
      'luksmith_alert_deliveries_total{channel="ping",outcome="given_up"}': 1,
      'luksmith_task_duration_seconds_sum{task="alerts"}': 0.2,
    };
    for (const [key, value] of Object.entries(expected)) assert.equal(values.get(key), value, key);
    const jobs = [...values.keys()].filter((key) => key.startsWith("luksmith_job_"));
    assert.equal(jobs.length, 4);
    assert.ok((values.get("process_resident_memory_bytes") ?? 0) > 2 ** 20);
  });

  it("leaves out what there is of each job, where that would be too much", async () => {
    const store = await scene.open();
    await addSmallFleet(store, Date.now());
    const { port } = await serve(store, false);
    const { values } = await scrape(port);
    assert.equal(
      [...values.keys()].some((key) => key.startsWith("luksmith_job_")),
      false,
    );
    assert.equal(values.get("luksmith_machines_connected"), 2);
  });

  it("says what is wrong when it is not ready, and shows no figures that may be old", async () => {
    const store = await scene.open();
    await addSmallFleet(store, Date.now());
    let isListening = false;
    const { port } = await serve(store, true, () => isListening);
    assert.deepEqual(await get(port, "/healthz"), [200, "ok\n"]);
    assert.deepEqual(await get(port, "/readyz"), [503, "machines cannot connect\n"]);
    isListening = true;
    assert.deepEqual(await get(port, "/readyz"), [200, "ok\n"]);
    await store.database.destroy();
    assert.deepEqual(await get(port, "/readyz"), [503, "the database does not answer\n"]);
    assert.deepEqual(await get(port, "/healthz"), [200, "ok\n"]);
    const { values } = await scrape(port);
    assert.equal(values.get("luksmith_store_up"), 0);
    assert.equal(values.has("luksmith_machines_connected"), false);
    assert.equal(
      [...values.keys()].some((key) => key.startsWith("luksmith_machines{")),
      false,
    );
  });

  if (scene.kind === "sqlite") {
    it("takes nothing from anybody, and not for ever", async () => {
      const store = await scene.open();
      const { port } = await serve(store);
      assert.deepEqual(await get(port, "/metrics/../x"), [404, "there is: /metrics, /healthz, /readyz\n"]);
      assert.deepEqual(await get(port, "/__proto__"), [404, "there is: /metrics, /healthz, /readyz\n"]);
      const posted = await fetch(`http://127.0.0.1:${port}/metrics`, {
        method: "POST",
        body: "x".repeat(2 ** 20),
      }).then(
        ({ status }) => status,
        () => 405,
      );
      assert.equal(posted, 405);
      // one who stops in the middle, and one who says too much
      const silent = connect(port, "127.0.0.1");
      const long = connect(port, "127.0.0.1");
      for (const socket of [silent, long]) socket.resume().on("error", () => undefined);
      silent.write("GET /metrics HTTP/1.1\r\n");
      long.write(`GET /${"x".repeat(20_000)} HTTP/1.1\r\n`);
      await Promise.all([once(silent, "close"), once(long, "close")]);
      assert.deepEqual(await get(port, "/healthz"), [200, "ok\n"]);
      await assert.rejects(
        serveHealth(
          { host: "127.0.0.1", port },
          new FleetMetrics(store, { perJob: true }, systemClock, log),
          store,
          () => true,
          systemClock,
          log,
        ),
        { code: "config", message: /cannot listen on 127.0.0.1:\d+ for metrics/ },
      );
    });
  }
});
