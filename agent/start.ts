/** Starting the agent: wiring, in the order in which things may be trusted to be there. It decides nothing. */

import { mkdir } from "node:fs/promises";
import { Server } from "@grpc/grpc-js";
import { systemClock } from "../common/clock.ts";
import { makeExec } from "../common/exec.ts";
import type { Log } from "../common/log.ts";
import type { Up } from "../common/service.ts";
import { version } from "../common/version.ts";
import { waitUntil } from "../common/wait-until.ts";
import { AgentServiceService, FleetConnection_State } from "../proto/gen/luksmith/v1/agent.ts";
import { Access } from "./access/access.ts";
import { openLibc } from "./access/libc.ts";
import { claimSocket } from "./access/socket-claim.ts";
import { callsEach, serverOptions, serveUnix } from "./access/unix-server.ts";
import { UserDatabase } from "./access/user-database.ts";
import { UserPlaces } from "./access/user-places.ts";
import { AuditLog } from "./audit/audit-log.ts";
import { Browses } from "./browse/browses.ts";
import type { AgentConfig } from "./config/agent-config.ts";
import { Fleet } from "./fleet/fleet.ts";
import { IdentityFile } from "./fleet/identity-file.ts";
import { AgentMetrics } from "./metrics/agent-metrics.ts";
import { startMetrics } from "./metrics/start.ts";
import { recallPastBackups, rememberToRecall } from "./recall/recall.ts";
import { limited } from "./rpc/limited.ts";
import { agentService } from "./rpc/service.ts";
import { Change } from "./runs/change.ts";
import { RunManager } from "./runs/run-manager.ts";
import { RunStore } from "./runs/run-store.ts";
import { OccurrenceStore } from "./schedule/occurrence-store.ts";
import { Scheduler } from "./schedule/scheduler.ts";
import { releaseLeftovers } from "./stack/leftovers.ts";
import { machineSeed } from "./system/machine-seed.ts";
import { traced } from "./system/traced-exec.ts";
import { startWork } from "./verbs/start-work.ts";
import { PinStore } from "./volume/pin.ts";

/** What is left to say is one small message a watcher. */
const lastWordsMs = 1000;

export async function startAgent(up: Up, config: AgentConfig, configPath: string, log: Log): Promise<void> {
  const libc = openLibc();
  // first of all: whoever has the socket has the machine's volumes, and must not be disturbed
  const claim = await claimSocket(config.socket.path, libc);
  up.own("let go of the socket's lock", () => claim.release());

  await mkdir(config.stateDir, { recursive: true, mode: 0o700 });
  await mkdir(config.runtimeDir, { recursive: true, mode: 0o755 });
  const { exec, start } = traced(makeExec(), systemClock, log);
  const host = {
    exec,
    start,
    clock: systemClock,
    log,
    runtimeDir: config.runtimeDir,
    stateDir: config.stateDir,
  };
  const store = RunStore.open(config.stateDir, log);
  up.own("close the run history", async () => store.close());
  rememberToRecall(store, config, log);
  await releaseLeftovers(host);
  const audit = new AuditLog(config.stateDir, systemClock, log);
  up.own("close the audit log", async () => audit.close());
  const runsChanged = new Change();
  const runs = new RunManager(
    store,
    systemClock,
    log,
    (run, { granted }) => {
      audit.started(run, granted);
      runsChanged.ring();
    },
    (run) => {
      metrics.runEnded(run);
      runsChanged.ring();
    },
  );

  const users = new UserDatabase(exec, systemClock);
  const access = new Access(config, users, audit);
  const pins = new PinStore(config.stateDir);
  const machine = { config, host, pins, runs, users };
  const scheduler = new Scheduler({
    config,
    clock: systemClock,
    log,
    runs,
    store: new OccurrenceStore(store),
    seed: await machineSeed(),
    start: (work, asked) => startWork(machine, work, asked),
  });
  const identity = new IdentityFile(config.stateDir, () => void fleet.identityChanged());
  const fleet = new Fleet({
    machine,
    store,
    audit,
    scheduler,
    identities: identity,
    startWork: (work, asked) => startWork(machine, work, asked),
    random: Math.random,
  });
  const metrics = new AgentMetrics({
    config,
    runs,
    pins,
    clock: systemClock,
    nextBackup: (job) => scheduler.nextBackup(job)?.at,
    isControllerConnected: () => {
      const { state } = fleet.status();
      return state === FleetConnection_State.NOT_ENROLLED ? undefined : state === FleetConnection_State.CONNECTED;
    },
  });
  const server = new Server(serverOptions);
  const service = agentService({
    ...machine,
    browses: new Browses(),
    configPath,
    access,
    audit,
    scheduler,
    identity,
    fleet,
    startedAt: systemClock.now(),
  });
  server.addService(AgentServiceService, limited(service, new UserPlaces(callsEach), access));
  let isListening = false;
  up.own(
    "end the metrics",
    await startMetrics(config.metrics, metrics, () => isListening, runsChanged, systemClock, log),
  );
  let connections = async () => 0;
  up.own("end the calls", () => endCalls(server, () => connections()));
  up.own("end the runs", () => runs.close(up.hurry));
  up.own("end the schedules", () => scheduler.close());
  up.own("leave the controller", () => fleet.close());
  const gid = await users.groupId(config.socket.group);
  if (gid === undefined) log.warn({ group: config.socket.group }, "there is no such group: only root can connect");
  const socket = await serveUnix({
    claim,
    gid,
    server,
    libc,
    log,
    onTurnedAway: (who, reason) => access.turnAway(who, "connect", reason),
  });
  connections = () => socket.connections();
  isListening = true;
  up.own("stop listening", () => {
    isListening = false;
    return socket.close();
  });
  log.info({ version, socket: config.socket.path, config: configPath }, "ready");
  recallPastBackups({ config, host, pins, runs, store });
  await fleet.begin();
  scheduler.begin();
}

/**
 * Watchers get to hear how their run ended, and go; whoever stays is cut off. grpc-js's own tryShutdown knows nothing of
 * connections that were accepted elsewhere and handed to it, and would let what is on its way to them be lost.
 */
async function endCalls(server: Server, connections: () => Promise<number>): Promise<void> {
  await waitUntil(systemClock, lastWordsMs, async () => (await connections()) === 0);
  server.forceShutdown();
}
