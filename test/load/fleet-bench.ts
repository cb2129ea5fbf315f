/** What a controller takes to serve so many machines, and how long it takes for what. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../common/clock.ts";
import { Work } from "../../proto/gen/luksmith/v1/fleet.ts";
import { Verb } from "../../proto/gen/luksmith/v1/types.ts";
import { ControllerProcess } from "./controller-process.ts";
import { mintFleet } from "./mint.ts";
import { Operator } from "./operator.ts";
import { percentile, processorSeconds, residentBytes } from "./process-figures.ts";
import { benchJobs } from "./simulated-agent.ts";
import { Simulation } from "./simulation.ts";
import { machineMs } from "./simulator.ts";

export interface FleetFigures {
  readonly machines: number;
  readonly store: "SQLite" | "PostgreSQL";
  /** Bytes of the controller's memory for each machine, and with none. */
  readonly bytesEach: number;
  readonly bytesAlone: number;
  /** Until all were connected, the first time. */
  readonly connectMs: number;
  /** Until all had three new schedules, counted from the request; and seconds of a core for it. */
  readonly scheduledMs: number;
  readonly scheduleSeconds: number;
  /** Of a core, with nothing to do but heartbeats, and looking for what is overdue. */
  readonly idleShare: number;
  readonly heartbeatsPerSecond: number;
  /** "run now on all": until half of them, 99 of 100, and the last had it; counted from the request. */
  readonly askedMs: { readonly half: number; readonly p99: number; readonly last: number };
  /** Until all runs with all their events were stored, and events for each second of it. */
  readonly storedMs: number;
  readonly eventsPerSecond: number;
  /** Of an operator's questions meanwhile, one after another: the one asked in the same moment, and those after it. */
  readonly readMs: { readonly first: number; readonly half: number; readonly longest: number };
  /** After the controller was killed and started again: until all were back; and how many were told to be lost. */
  readonly backMs: number;
  readonly lost: number;
  /** For looking once through all jobs of all machines for what is overdue; and seconds of it in a whole day. */
  readonly watchMs: number;
  readonly watchSecondsPerDay: number;
}

export interface FleetBenchOptions {
  readonly machines: number;
  readonly database: string | undefined;
  readonly eventsPerRun: number;
  readonly idleMs: number;
  readonly say: (line: string) => void;
}

const [job] = benchJobs;
const schedules = `schedules:
${benchJobs.map((name, hour) => `  ${name}: { selector: all, verb: backup, job: ${name}, cron: "0 ${hour} * * *", timezone: UTC, splay: 4h, maxAge: 26h, maxConcurrent: { perBackupHost: 40 } }`).join("\n")}
`;
const connectsPerSecond = 250;
const probeMs = 200;
const dayMs = 86_400_000;

export async function benchFleet(options: FleetBenchOptions): Promise<FleetFigures> {
  const directory = await mkdtemp(join(tmpdir(), "luksmith-load-"));
  try {
    return await within(directory, options);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function within(directory: string, options: FleetBenchOptions): Promise<FleetFigures> {
  const { machines, database, eventsPerRun, idleMs, say } = options;
  await using controller = await ControllerProcess.create(directory, database);
  say(`making ${machines} machines`);
  const identities = join(directory, "identities");
  const authorities = await mintFleet(machines, controller, identities);
  await controller.start();
  if ((await controller.openFilesLimit()) < machines + 100) throw new Error("ulimit -n is too small for so many");
  await systemClock.sleep(5000);
  const bytesAlone = residentBytes(controller.pid);

  say("connecting");
  const fleet = { addresses: [controller.address], authorities, eventsPerRun };
  const beganMs = machineMs();
  await using simulation = new Simulation(machines, identities, fleet, connectsPerSecond);
  await simulation.until("all to connect", () => simulation.sum("connected") === machines);
  const connectMs = simulation.latest("lastConnectedAt") - beganMs;
  using operator = new Operator(controller.operatorFile, controller.address);

  say("three schedules for all");
  await simulation.reset();
  const schedulesBegan = { ms: machineMs(), cpu: processorSeconds(controller.pid) };
  await operator.apply(schedules);
  await simulation.until("all to have them", () => simulation.sum("scheduled") >= machines);
  const scheduledMs = simulation.latest("lastScheduledAt") - schedulesBegan.ms;
  const scheduleSeconds = processorSeconds(controller.pid) - schedulesBegan.cpu;

  say(`at rest for ${idleMs / 1000} s`);
  await systemClock.sleep(idleMs / 2);
  const restBegan = { ms: machineMs(), cpu: processorSeconds(controller.pid), beats: simulation.sum("beats") };
  await systemClock.sleep(idleMs);
  const restMs = machineMs() - restBegan.ms;
  const idleShare = (processorSeconds(controller.pid) - restBegan.cpu) / (restMs / 1000);
  const heartbeatsPerSecond = (simulation.sum("beats") - restBegan.beats) / (restMs / 1000);
  const bytesEach = (residentBytes(controller.pid) - bytesAlone) / machines;

  say("run now on all");
  await simulation.reset();
  const reads: number[] = [];
  const probing = new AbortController();
  const probes = probe(operator, reads, probing.signal);
  const askedAtMs = machineMs();
  const work = Work.create({ verb: Verb.BACKUP, job });
  const { dispatches } = await operator.dispatch({
    ...{ selector: "all", work, everyMachine: true, expiresMs: 0, dryRun: false },
  });
  if (dispatches.length !== machines) throw new Error(`only ${dispatches.length} were asked`);
  await simulation.until("all to be asked", () => simulation.sum("asked") >= machines);
  await simulation.until("all runs to be stored", () => simulation.sum("recorded") >= machines);
  const storedMs = simulation.latest("lastRecordedAt") - askedAtMs;
  probing.abort();
  await probes;
  const asked = simulation.askedAt.map((atMs) => atMs - askedAtMs);
  const [first = Number.NaN, ...later] = reads;

  say("the controller dies, and comes back");
  await simulation.reset();
  await controller.stop("SIGKILL");
  await simulation.until("all to notice", () => simulation.sum("connected") === 0);
  await controller.start();
  const startedMs = machineMs();
  await simulation.until("all to be back", () => simulation.sum("connected") === machines);
  const backMs = simulation.latest("lastConnectedAt") - startedMs;
  // each was cut off once, by the death; whoever is cut off again was taken for lost
  await systemClock.sleep(idleMs);
  const lost = simulation.sum("disconnects") - machines;

  say("looking for what is overdue");
  const watches = await until(async () => {
    const count = await controller.metric("luksmith_task_duration_seconds_count", watchLabel);
    return count > 1 ? count : undefined;
  });
  const watchSeconds = (await controller.metric("luksmith_task_duration_seconds_sum", watchLabel)) / watches;
  return {
    machines,
    store: database === undefined ? "SQLite" : "PostgreSQL",
    ...{ bytesEach, bytesAlone, connectMs, idleShare, heartbeatsPerSecond, storedMs, backMs, lost },
    askedMs: { half: percentile(asked, 0.5), p99: percentile(asked, 0.99), last: Math.max(...asked) },
    eventsPerSecond: (machines * eventsPerRun) / (storedMs / 1000),
    readMs: { first, half: percentile(later, 0.5), longest: Math.max(...later) },
    ...{ scheduledMs, scheduleSeconds, watchMs: watchSeconds * 1000 },
    watchSecondsPerDay: watchSeconds * (dayMs / watchEveryMs),
  };
}

const watchLabel = 'task="alerts"';
/** As controller/alerts does it. */
const watchEveryMs = 30_000;

async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await systemClock.sleep(1000);
  }
}

/** What an operator who looks meanwhile waits for an answer. */
async function probe(operator: Operator, reads: number[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const beganMs = machineMs();
    await operator.runs({ selector: "", job, schedule: "", states: [], since: undefined, limit: 20 });
    reads.push(machineMs() - beganMs);
    await systemClock.sleep(probeMs, signal).catch(() => undefined);
  }
}
