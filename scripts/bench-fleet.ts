/**
 * npm run bench:fleet: a controller and so many simulated machines on this host, and what the one takes to serve the others. Options:
 * --machines N (default 10000), --store sqlite|postgres|both, --idle SECONDS (default 60), --events N for each run (default 50).
 */

import { mkdir, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { systemClock } from "../common/clock.ts";
import { formatBytes, formatCount } from "../common/units.ts";
import { PostgresServer } from "../test/integration/controller/harness/postgres-server.ts";
import { benchFleet, type FleetFigures } from "../test/load/fleet-bench.ts";
import { buildPrograms } from "./build.ts";
import { interruptible } from "./interruptible.ts";
import { setUp } from "./setup.ts";

const outFile = "dist/bench-fleet.md";

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      machines: { type: "string", default: "10000" },
      store: { type: "string", default: "both" },
      idle: { type: "string", default: "60" },
      events: { type: "string", default: "50" },
    },
  });
  if (!setUp("test")) return 1;
  await buildPrograms();
  const say = (line: string) => console.error(`${systemClock.now().toISOString().slice(11, 19)} ${line}`);
  const options = {
    ...{ machines: Number(values.machines), eventsPerRun: Number(values.events), idleMs: Number(values.idle) * 1000 },
    say,
  };
  const figures: FleetFigures[] = [];
  if (values.store !== "postgres") figures.push(await benchFleet({ ...options, database: undefined }));
  if (values.store !== "sqlite") {
    // as an administrator would have it: what is told to be stored is on the disk
    await using server = await PostgresServer.start({ fsync: true });
    figures.push(await benchFleet({ ...options, database: await server.database() }));
  }
  const text = table(figures, options.eventsPerRun);
  await mkdir("dist", { recursive: true });
  await writeFile(outFile, text);
  console.log(text);
  return 0;
}

const rows: readonly (readonly [string, string, (figures: FleetFigures) => string])[] = [
  ["memory of the controller, for each machine", "100 kB", ({ bytesEach }) => formatBytes(bytesEach)],
  ["memory of the controller with none", "", ({ bytesAlone }) => formatBytes(bytesAlone)],
  ["three schedules for all: the last has them after", "", ({ scheduledMs }) => ms(scheduledMs)],
  ["seconds of a core for that", "", ({ scheduleSeconds }) => `${scheduleSeconds.toFixed(1)} s`],
  ["processor at rest, of one core", "15 %", ({ idleShare }) => `${(idleShare * 100).toFixed(1)} %`],
  ["heartbeats a second meanwhile", "", ({ heartbeatsPerSecond }) => heartbeatsPerSecond.toFixed(0)],
  ["run now on all: half of them have it after", "", ({ askedMs }) => ms(askedMs.half)],
  ["99 of 100", "1 s", ({ askedMs }) => ms(askedMs.p99)],
  ["the last", "", ({ askedMs }) => ms(askedMs.last)],
  ["all runs and their events stored after", "", ({ storedMs }) => ms(storedMs)],
  ["events a second", "5,000", ({ eventsPerSecond }) => formatCount(Math.round(eventsPerSecond))],
  ["an operator's question meanwhile: half answered within", "", ({ readMs }) => ms(readMs.half)],
  ["the longest", "", ({ readMs }) => ms(readMs.longest)],
  ["one asked in the same moment as the runs", "", ({ readMs }) => ms(readMs.first)],
  ["controller killed and started: all back after", "60 s", ({ backMs }) => ms(backMs)],
  ["of them taken for lost", "0", ({ lost }) => `${lost}`],
  ["looking once for what is overdue, three jobs each", "", ({ watchMs }) => ms(watchMs)],
  ["the same for a day, of one core", "", ({ watchSecondsPerDay }) => `${watchSecondsPerDay.toFixed(0)} s`],
];

function table(figures: readonly FleetFigures[], events: number): string {
  const machines = formatCount(figures[0]?.machines ?? 0);
  const head = `| ${machines} machines, ${events} events a run | aim | ${figures.map(({ store }) => store).join(" | ")} |`;
  const line = `|---|---|${figures.map(() => "---|").join("")}`;
  return `${[head, line, ...rows.map(([what, aim, of]) => `| ${what.trim()} | ${aim} | ${figures.map(of).join(" | ")} |`)].join("\n")}\n`;
}

function ms(value: number): string {
  return value < 1000 ? `${value.toFixed(0)} ms` : `${(value / 1000).toFixed(1)} s`;
}

process.exitCode = await interruptible(main);
