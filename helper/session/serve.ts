/**
 * One session: gRPC on the connection that sshd has given us as standard input and output. It is over when the connection is, and
 * takes all with it that it has opened.
 */

import { once } from "node:events";
import { stat } from "node:fs/promises";
import { Duplex, Writable } from "node:stream";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { systemClock } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import { makeExec } from "../../common/exec.ts";
import { openLog } from "../../common/log.ts";
import { UndoStack } from "../../common/undo.ts";
import { version } from "../../common/version.ts";
import { HelperServiceService } from "../../proto/gen/luksmith/v1/helper.ts";
import { CheckpointStore } from "../checkpoint/checkpoint-store.ts";
import { requireApart } from "../config/apart.ts";
import { defaultLogFile, type HelperConfig, loadHelperConfig } from "../config/helper-config.ts";
import { Calls } from "../rpc/calls.ts";
import { helperService } from "../rpc/service.ts";
import { CallAllowance } from "./call-allowance.ts";
import type { Host } from "./host.ts";
import { LogLines } from "./log-lines.ts";
import { callingMachine } from "./machine.ts";
import { OutgoingFrames } from "./outgoing-frames.ts";
import { Places } from "./places.ts";
import { beginningOf } from "./preface.ts";
import { makeOwnDirectory, sweep } from "./runtime-directory.ts";
import { Session } from "./session.ts";

/** A request is a name and some numbers. */
const maxRequestBytes = 64 * 1024;
/** A backup has one or two calls under way. */
const mostStreams = 32;
/** What HTTP/2 may keep for the one connection, in MB (Node's maxSessionMemory, whose default grpc-js takes away). */
const sessionMemoryMb = 10;
/** A machine that has vanished without a word is noticed within the sum of both; what it had is free then. */
const askMs = 10_000;
const answerMs = 50_000;
/** The only connection there will ever be must not be dropped for being quiet. */
const never = 2 ** 31 - 1;
/** A log of faults that a machine brings up again and again, since nobody has mended them. */
const faultsLogBytes = 64 * 2 ** 20;

/** @throws {LuksmithError} before anything is served, or when the connection did not end as it should */
export async function serve(configPath: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const config = await loadForServing(configPath);
  const { exec, start } = makeExec();
  const machine = await callingMachine(exec, config, environment);
  const { name, maxSessions, maxCallsPerMinute } = machine.config;
  // for nbd-servers to find their own; what each has is open to its machine's user alone
  await makeOwnDirectory(config.runtimeDir, 0o711);
  const places = await Places.open(exec, config.runtimeDir, name);
  const place = await places.take("session", maxSessions);
  if (place === undefined) {
    throw new LuksmithError("locked", `this machine may have ${maxSessions} sessions at a time`, {
      hint: "the backup host's administrator: machines.NAME.maxSessions",
    });
  }
  const lines = new LogLines(place.fd, systemClock);
  const log = openLog("helper", config.log.level, config.log.file, lines).child({
    machine: name,
    address: machine.address,
  });
  const host = { exec, start, clock: systemClock, log };
  const calls = new CallAllowance(exec, places.directory, maxCallsPerMinute);
  try {
    await serveSession(host, config, new Session(host, config, machine, places), calls);
  } finally {
    await calls.giveBack().catch((error: unknown) => log.warn({ err: error }, "calls cannot be given back"));
    // and with it the machine's place, unless something of this session is left that holds on to it
    await place.close();
  }
}

async function serveSession(
  host: Host,
  config: HelperConfig,
  session: Session,
  allowance: CallAllowance,
): Promise<void> {
  const { log } = host;
  await sweep(host.exec, config.runtimeDir, log);
  const beginning = await beginningOf(process.stdin);
  if (beginning === "something else") {
    log.warn("what came is no gRPC");
    throw new LuksmithError("usage", "what came on standard input is no gRPC");
  }
  if (beginning === "nothing") return;

  const owned = new UndoStack();
  owned.add("close the exports", () => session.close());
  const calls = new Calls(host.clock, () => allowance.take());
  owned.add("wait for the calls", () => calls.end(log));

  const server = new Server({
    "grpc.max_receive_message_length": maxRequestBytes,
    "grpc.max_concurrent_streams": mostStreams,
    "grpc-node.max_session_memory": sessionMemoryMb,
    "grpc.keepalive_time_ms": askMs,
    "grpc.keepalive_timeout_ms": answerMs,
    "grpc.max_connection_idle_ms": never,
  });
  const checkpoints =
    config.checkpoints === undefined ? undefined : new CheckpointStore(host.exec, config.checkpoints, host.clock);
  server.addService(HelperServiceService, helperService({ host, session, calls, checkpoints }));

  const frames = new OutgoingFrames();
  const output = new Writable({
    write(chunk, _, written) {
      frames.push(chunk);
      process.stdout.write(chunk, written);
    },
  });
  process.stdout.on("error", (error) => output.destroy(error));
  const connection = Duplex.from({ readable: process.stdin, writable: output });
  // and not the server's forceShutdown, which writes to a connection that may be closed, and brings Node down (24.21)
  owned.add("hang up", async () => {
    connection.destroy();
  });
  connection.on("error", (error) => log.debug({ err: error }, "the connection broke"));
  const over = Promise.race([once(connection, "close"), once(process.stdin, "end"), untilSignal()]);
  server.createConnectionInjector(ServerCredentials.createInsecure()).injectConnection(connection);
  log.info({ version }, "session begun");
  // one that breaks is over, too
  await over.catch(() => undefined);
  try {
    await owned.unwind();
  } catch (error) {
    log.error({ err: error }, "not everything of the session could be given back");
    throw error;
  } finally {
    log.info(frames.errorCode === 0 ? {} : { fault: frames.errorCode }, "session over");
  }
  if (frames.errorCode === 0) return;
  throw new LuksmithError("usage", `what came on standard input is no gRPC (HTTP/2 error ${frames.errorCode})`);
}

/**
 * The machine is told that the configuration is faulty, and not what stands in it: that may be about others.
 * @throws {LuksmithError}
 */
async function loadForServing(path: string): Promise<HelperConfig> {
  try {
    const config = await loadHelperConfig(path);
    await requireApart(config);
    return config;
  } catch (error) {
    if (!(error instanceof LuksmithError) || error.code !== "config") throw error;
    const written = await stat(defaultLogFile).catch(() => undefined);
    if ((written?.size ?? 0) < faultsLogBytes) openLog("helper", "info", defaultLogFile).error(error.message);
    throw new LuksmithError("config", "the backup host's configuration is faulty", {
      hint: "its administrator: luksmith-helper check-config",
      cause: error,
    });
  }
}

/** sshd ends its children by SIGHUP, a host that goes down by SIGTERM. */
function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ["SIGTERM", "SIGHUP", "SIGINT"] as const) process.on(name, () => resolve());
  });
}
