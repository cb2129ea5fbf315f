/** What the agent tells of itself, by HTTP and as a file. */

import assert from "node:assert/strict";
import { lstat, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { pino } from "pino";
import { parseAgentConfig } from "../../../agent/config/agent-config.ts";
import { AgentMetrics } from "../../../agent/metrics/agent-metrics.ts";
import { keepTextfile } from "../../../agent/metrics/textfile.ts";
import { Change } from "../../../agent/runs/change.ts";
import { RunManager } from "../../../agent/runs/run-manager.ts";
import { RunStore } from "../../../agent/runs/run-store.ts";
import { PinStore } from "../../../agent/volume/pin.ts";
import { systemClock } from "../../../common/clock.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { waitUntil } from "../../../common/wait-until.ts";
import { Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { ManualClock } from "../runs/manual-clock.ts";
import { AgentProcess } from "./agent-process.ts";
import { readScraped } from "./scraped.ts";

const log = pino({ level: "silent" });
const caller = { uid: 0, name: "root" };

const config = parseAgentConfig(
  `
remotes: { vault: { host: 127.0.0.1, user: nobody, path: images } }
volumes: { home: { remote: vault, image: home.luks, size: 200M } }
jobs: { home: { volume: home, sources: [/etc] }, other: { volume: home, sources: [/srv] } }
`,
  "/etc/luksmith/agent.yaml",
);

describe("the agent's metrics", () => {
  let directory = "";
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "luksmith-metrics-"));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it("say how each job stands", async () => {
    const clock = new ManualClock();
    const beganMs = clock.now().getTime();
    const store = RunStore.open(directory, log);
    const pins = new PinStore(directory);
    await pins.write("home", {
      format: 1,
      id: "0b8ad6f5-5b0c-4f0e-9d0b-3a3c3c0f9f10",
      luksUuid: "0b8ad6f5-5b0c-4f0e-9d0b-3a3c3c0f9f11",
      filesystemUuid: "0b8ad6f5-5b0c-4f0e-9d0b-3a3c3c0f9f12",
      filesystem: "ext4",
      imageBytes: 200 * 2 ** 20,
      cipher: "aes-xts-plain64",
      volumeKeyBits: 512,
      sectorBytes: 4096,
      dataOffsetBytes: 16 * 2 ** 20,
      generation: 1,
      unclean: false,
    });
    const runs = new RunManager(store, clock, log, undefined, (run) => metrics.runEnded(run));
    const metrics = new AgentMetrics({
      config,
      runs,
      pins,
      clock,
      nextBackup: (job) => (job === "home" ? new Date(beganMs + 3_600_000) : undefined),
      isControllerConnected: () => true,
    });
    const backup = { verb: Verb.BACKUP, volume: "home", job: "home", caller };
    const totals = { bytes: 5000, bytesCopied: 70 };
    const before = readScraped(await metrics.text());
    assert.equal(before.values.has('luksmith_agent_job_last_good_timestamp_seconds{backup_job="home"}'), false);

    const good = runs.start(backup, async () => {
      clock.advance(90_000);
      return { state: "done", summary: "done", snapshot: "2026-11-23T02-00-00Z", totals };
    });
    await runs.wait(good.id);
    clock.advance(60_000);
    const bad = runs.start(backup, async () => {
      throw new LuksmithError("full", "no room left");
    });
    await runs.wait(bad.id);
    const dry = runs.start({ ...backup, dryRun: true }, async () => ({ state: "done", summary: "would" }));
    await runs.wait(dry.id);

    const { values } = readScraped(await metrics.text());
    const of = (name: string, labels = 'backup_job="home"') => values.get(`luksmith_agent_${name}{${labels}}`);
    assert.equal(of("job_last_good_timestamp_seconds"), beganMs / 1000);
    assert.equal(of("job_last_run_timestamp_seconds"), beganMs / 1000 + 150);
    assert.equal(of("job_last_run_success"), 0);
    assert.equal(of("job_last_run_duration_seconds"), 0);
    assert.equal(of("job_last_good_bytes"), 5000);
    assert.equal(of("job_last_good_copied_bytes"), 70);
    assert.equal(of("job_next_start_timestamp_seconds"), beganMs / 1000 + 3600);
    assert.equal(of("job_last_good_timestamp_seconds", 'backup_job="other"'), undefined);
    assert.equal(of("job_info", 'backup_job="other",volume="home"'), 1);
    assert.equal(of("volume_size_bytes", 'volume="home"'), 200 * 2 ** 20);
    assert.equal(of("runs_total", 'verb="backup",outcome="done"'), 2);
    assert.equal(of("runs_total", 'verb="backup",outcome="failed"'), 1);
    assert.equal(values.get("luksmith_agent_runs_running"), 0);
    assert.equal(values.get("luksmith_agent_controller_connected"), 1);
    await runs.close();
    store.close();
  });

  it("are a file that is whole at any moment, written anew when something has changed", async () => {
    const path = join(directory, "luksmith.prom");
    const changed = new Change();
    const stop = new AbortController();
    let text = "a 1\n".repeat(50_000);
    const kept = keepTextfile(path, async () => text, changed, systemClock, log, stop.signal);
    const reads = () => readFile(path, "utf8").catch(() => "");
    await waitUntil(systemClock, 5000, async () => (await reads()) === text);
    const first = text;
    const second = "b 2\n".repeat(50_000);
    text = second;
    await waitUntil(systemClock, 5000, () => changed.waiting > 0);
    changed.ring();
    for (let seen = ""; seen !== second; ) {
      seen = await reads();
      assert.ok(seen === first || seen === second, "half a file");
    }
    text = "c 3\n";
    stop.abort();
    await kept;
    assert.equal(await reads(), "c 3\n");
    assert.equal((await lstat(path)).mode & 0o777, 0o644);
    assert.deepEqual(await readdir(directory), ["luksmith.prom"]);
  });

  it("write through no link that somebody has put in their way", async () => {
    const path = join(directory, "luksmith.prom");
    const victim = join(directory, "victim");
    await writeFile(victim, "precious");
    await symlink(victim, path);
    await symlink(victim, join(directory, ".luksmith-metrics.new"));
    const stop = new AbortController();
    stop.abort();
    await keepTextfile(path, async () => "a 1\n", new Change(), systemClock, log, stop.signal);
    assert.equal(await readFile(victim, "utf8"), "precious");
    assert.equal((await lstat(path)).isFile(), true);
    assert.equal(await readFile(path, "utf8"), "a 1\n");
  });

  it("go on when the file cannot be written", async () => {
    const changed = new Change();
    const stop = new AbortController();
    const path = join(directory, "later", "luksmith.prom");
    const kept = keepTextfile(path, async () => "a 1\n", changed, systemClock, log, stop.signal);
    await waitUntil(systemClock, 5000, () => changed.waiting > 0);
    stop.abort();
    await kept;
  });
});

it("a real agent serves them, and writes the file until it ends", async () => {
  await using agent = await AgentProcess.start();
  const { values } = await agent.scrape();
  assert.equal(values.get('luksmith_agent_job_info{backup_job="home",volume="home"}'), 1);
  const refused = await fetch(`http://127.0.0.1:${agent.port}/metrics`, { method: "POST", body: "x" });
  assert.equal(refused.status, 405);
  assert.equal((await fetch(`http://127.0.0.1:${agent.port}/`)).status, 404);
  for (const path of ["/healthz", "/readyz"]) {
    const answer = await fetch(`http://127.0.0.1:${agent.port}${path}`);
    assert.deepEqual([answer.status, await answer.text()], [200, "ok\n"], path);
  }
  await agent.end();
  const inFile = readScraped(await readFile(agent.textfile, "utf8"));
  assert.deepEqual([...inFile.labels.keys()], [...readScrapedNames(values)]);
});

function readScrapedNames(values: ReadonlyMap<string, number>): Set<string> {
  return new Set([...values.keys()].map((key) => key.replace(/\{.*$/, "")));
}
