/** The dashboard and the alert rules in deploy/ speak of nothing but what the programs tell. */

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pino } from "pino";
import { parse } from "yaml";
import * as z from "zod";
import { systemClock } from "../../../common/clock.ts";
import { FleetMetrics } from "../../../controller/metrics/fleet-metrics.ts";
import { serveHealth } from "../../../controller/metrics/serve-health.ts";
import { Store } from "../../../controller/store/store.ts";
import { RunState, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { addSmallFleet } from "../controller/metrics/fleet-rows.ts";
import { AgentProcess } from "../metrics/agent-process.ts";
import { scrape } from "../metrics/scraped.ts";

const root = new URL("../../../", import.meta.url);
const log = pino({ level: "silent" });

const rulesSchema = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Luksmith[A-Za-z]+$/),
          expr: z.string(),
          for: z
            .string()
            .regex(/^\d+[smhd]$/)
            .optional(),
          labels: z.strictObject({ severity: z.enum(["warning", "critical"]) }),
          annotations: z.strictObject({ summary: z.string(), description: z.string().optional() }),
        }),
      ),
    }),
  ),
});

const panelSchema = z.object({
  id: z.int(),
  title: z.string(),
  type: z.enum(["row", "stat", "timeseries", "table"]),
  gridPos: z.object({ x: z.int(), y: z.int(), w: z.int(), h: z.int() }),
  targets: z.array(z.object({ expr: z.string(), legendFormat: z.string().optional() })).default([]),
});
const dashboardSchema = z.object({ title: z.string(), uid: z.string(), panels: z.array(panelSchema) });

/** Of Prometheus, node_exporter, or only there once a machine has an own schedule, a snapshot, a controller. */
const others: Readonly<Record<string, readonly string[]>> = {
  up: [],
  node_textfile_mtime_seconds: ["file"],
};
/** What Prometheus puts to each. */
const targetLabels = ["instance", "job"];
/** Source: https://prometheus.io/docs/prometheus/latest/querying/functions/ and operators/ */
const language = new Set(
  "sum max min bottomk topk rate increase time vector histogram_quantile by on without unless and or bool".split(" "),
);

interface Used {
  readonly name: string;
  readonly labels: readonly string[];
}

/** Every name in an expression, with the labels that it is chosen by; those after "by" and "on" belong to all of them. */
function usedIn(expr: string): Used[] {
  const grouped = [...expr.matchAll(/\b(?:by|on)\s*\(([^)]*)\)/g)].flatMap(([, list = ""]) =>
    list.split(",").map((label) => label.trim()),
  );
  const rest = expr.replace(/\b(?:by|on)\s*\([^)]*\)/g, " ").replace(/\[[^\]]*\]/g, " ");
  const used: Used[] = [];
  for (const [, name = "", , selector = ""] of rest.matchAll(/([a-zA-Z_:][\w:]*)(\{([^}]*)\})?/g)) {
    if (language.has(name)) continue;
    const chosen = [...selector.matchAll(/([a-z_]\w*)\s*(?:=~|!~|!=|=)\s*"[^"]*"/g)].map(([, label = ""]) => label);
    used.push({ name, labels: [...chosen, ...grouped.filter((label) => label !== "le" || name.endsWith("_bucket"))] });
  }
  return used;
}

describe("what is watched", () => {
  /** By name: the labels. */
  const told = new Map<string, readonly string[]>(Object.entries(others));
  let directory = "";

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "luksmith-monitoring-"));
    const store = await Store.open(join(directory, "fleet.db"), systemClock, log);
    await addSmallFleet(store, Date.now());
    const metrics = new FleetMetrics(store, { perJob: true }, systemClock, log);
    metrics.runEnded(Verb.BACKUP, RunState.DONE);
    metrics.deliveries.delivered("mail");
    metrics.watch.looked(1);
    metrics.watch.failed();
    const address = { host: "127.0.0.1", port: 0 };
    const server = await serveHealth(address, metrics, store, () => true, systemClock, log);
    for (const [name, labels] of (await scrape(server.port)).labels) told.set(name, labels);
    await server.close();
    await store.close();
    await using agent = await AgentProcess.start();
    for (const [name, labels] of (await agent.scrape()).labels) told.set(name, labels);
  });
  after(() => rm(directory, { recursive: true, force: true }));

  /** What an agent tells only once it has something to tell; test/integration/metrics/agent-metrics.test.ts has it tell that. */
  async function agentSource(): Promise<string> {
    return readFile(new URL("agent/metrics/agent-metrics.ts", root), "utf8");
  }

  async function faultsOf(expr: string): Promise<string[]> {
    const source = await agentSource();
    const used = usedIn(expr);
    assert.ok(used.length > 0, `nothing is read in ${expr}`);
    return used.flatMap(({ name, labels }) => {
      const agentName = name.replace(/^luksmith_agent_/, "");
      const isLater = agentName !== name && source.includes(`"${agentName}"`);
      const has = told.get(name) ?? (isLater ? (/^job_/.test(agentName) ? ["backup_job"] : []) : undefined);
      if (has === undefined) return [`${name}: no program tells that`];
      return labels
        .filter((label) => !has.includes(label) && !targetLabels.includes(label))
        .map((label) => `${name} has no label ${label}`);
    });
  }

  it("would be found out if it were not there", async () => {
    assert.deepEqual(await faultsOf('sum by (verbs) (rate(luksmith_runs_total{outcom="x"}[5m])) > luksmith_nothing'), [
      "luksmith_runs_total has no label outcom",
      "luksmith_runs_total has no label verbs",
      "luksmith_nothing: no program tells that",
    ]);
    assert.deepEqual(await faultsOf("luksmith_agent_job_nothing"), [
      "luksmith_agent_job_nothing: no program tells that",
    ]);
  });

  it("is there for each alert rule", async () => {
    const { groups } = rulesSchema.parse(
      parse(await readFile(new URL("deploy/prometheus/luksmith.rules.yaml", root), "utf8")),
    );
    const rules = groups.flatMap((group) => group.rules);
    assert.ok(rules.length >= 15);
    assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length);
    for (const { alert, expr, annotations } of rules) {
      assert.deepEqual(await faultsOf(expr), [], alert);
      const labels = usedIn(expr).flatMap(({ name }) => [...(told.get(name) ?? ["backup_job"]), ...targetLabels]);
      for (const [, label = ""] of `${annotations.summary} ${annotations.description}`.matchAll(/\$labels\.(\w+)/g))
        assert.ok(labels.includes(label), `${alert}: ${label}`);
    }
  });

  it("is there for each panel of the dashboard", async () => {
    const dashboard = dashboardSchema.parse(
      JSON.parse(await readFile(new URL("deploy/grafana/luksmith-fleet.json", root), "utf8")),
    );
    assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
    for (const { title, type, targets } of dashboard.panels) {
      assert.equal(targets.length > 0, type !== "row", title);
      for (const { expr, legendFormat = "" } of targets) {
        assert.deepEqual(await faultsOf(expr), [], title);
        const labels = usedIn(expr).flatMap(({ name, labels: chosen }) => [
          ...(told.get(name) ?? ["backup_job"]),
          ...chosen,
          ...targetLabels,
        ]);
        for (const [, label = ""] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
          assert.ok(labels.includes(label), `${title}: ${label}`);
      }
    }
  });

  it("is in docs/monitoring.md, every bit of it", async () => {
    const text = await readFile(new URL("docs/monitoring.md", root), "utf8");
    const names = [...told.keys()]
      .filter((name) => name.startsWith("luksmith_"))
      .map((name) => name.replace(/_(bucket|sum|count)$/, ""));
    for (const name of names) assert.ok(text.includes(`\`${name}\``), name);
    for (const [, name = ""] of (await agentSource()).matchAll(/gauge\(\s*"(\w+)"/g))
      assert.ok(text.includes(`\`luksmith_agent_${name}\``), name);
  });
});
