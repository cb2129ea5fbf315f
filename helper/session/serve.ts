/**
 * One session: gRPC on the connection that sshd has given us as standard input and output. It is over when the connection is, and
 * takes all with it that it has opened.
 */

import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { Duplex } from "node:stream";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { systemClock } from "../../common/clock.ts";
import { makeExec } from "../../common/exec.ts";
import type { Log } from "../../common/log.ts";
import { UndoStack } from "../../common/undo.ts";
import { version } from "../../common/version.ts";
import { HelperServiceService } from "../../proto/gen/luksmith/v1/helper.ts";
import { CheckpointStore } from "../checkpoint/checkpoint-store.ts";
import type { HelperConfig } from "../config/helper-config.ts";
import { helperService } from "../rpc/service.ts";
import { CallAllowance } from "./call-allowance.ts";
import { callingMachine } from "./machine.ts";
import { sweep } from "./runtime-directory.ts";
import { Session } from "./session.ts";

/** A request is a name and some numbers. */
const maxRequestBytes = 64 * 1024;
/** A machine that has vanished without a word is noticed within the sum of both; what it had is free then. */
const askMs = 10_000;
const answerMs = 15_000;
/** The only connection there will ever be must not be dropped for being quiet. */
const never = 2 ** 31 - 1;

/** Resolves when the session is over and nothing of it is left. @throws {LuksmithError} "denied" before anything is served */
export async function serveSession(config: HelperConfig, log: Log, environment: NodeJS.ProcessEnv): Promise<void> {
  const { exec, start } = makeExec();
  const machine = await callingMachine(exec, config, environment);
  const sessionLog = log.child({ machine: machine.config.name, address: machine.address });
  const host = { exec, start, clock: systemClock, log: sessionLog };
  // for nbd-servers to find their own; what each has is open to its machine's user alone
  await mkdir(config.runtimeDir, { recursive: true, mode: 0o711 });
  await sweep(config.runtimeDir, sessionLog);
  const session = new Session(host, config, machine);
  await using owned = new UndoStack();
  owned.add("close the exports", () => session.close());

  const server = new Server({
    "grpc.max_receive_message_length": maxRequestBytes,
    "grpc.keepalive_time_ms": askMs,
    "grpc.keepalive_timeout_ms": answerMs,
    "grpc.max_connection_idle_ms": never,
  });
  const checkpoints =
    config.checkpoints === undefined ? undefined : new CheckpointStore(config.checkpoints, systemClock);
  const allowance = new CallAllowance(machine.config.maxCallsPerMinute, systemClock.monotonicMs());
  server.addService(HelperServiceService, helperService({ host, session, allowance, checkpoints }));

  const connection = Duplex.from({ readable: process.stdin, writable: process.stdout });
  // and not the server's forceShutdown, which writes to a connection that may be closed, and brings Node down (24.21)
  owned.add("hang up", async () => {
    connection.destroy();
  });
  connection.on("error", (error) => sessionLog.debug({ err: error }, "the connection broke"));
  const over = Promise.race([once(connection, "close"), once(process.stdin, "end"), untilSignal()]);
  server.createConnectionInjector(ServerCredentials.createInsecure()).injectConnection(connection);
  sessionLog.info({ version }, "session begun");
  // one that breaks is over, too
  await over.catch(() => undefined);
  sessionLog.info("session over");
}

/** sshd ends its children by SIGHUP, a host that goes down by SIGTERM. */
function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ["SIGTERM", "SIGHUP", "SIGINT"] as const) process.on(name, () => resolve());
  });
}
