/** A gRPC server as the agent runs it, on a socket of its own, that tells each caller who it thinks they are. */

import { EventEmitter } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type ClientOptions, credentials, Server } from "@grpc/grpc-js";
import { pino } from "pino";
import { Access } from "../../../agent/access/access.ts";
import { openLibc } from "../../../agent/access/libc.ts";
import { claimSocket } from "../../../agent/access/socket-claim.ts";
import { callsEach, serverOptions, serveUnix } from "../../../agent/access/unix-server.ts";
import { UserDatabase } from "../../../agent/access/user-database.ts";
import { UserPlaces } from "../../../agent/access/user-places.ts";
import { AuditLog } from "../../../agent/audit/audit-log.ts";
import type { AgentConfig } from "../../../agent/config/agent-config.ts";
import { limited } from "../../../agent/rpc/limited.ts";
import { toStatus } from "../../../common/error-wire.ts";
import {
  AgentServiceClient,
  type AgentServiceServer,
  AgentServiceService,
  GetStatusResponse,
} from "../../../proto/gen/luksmith/v1/agent.ts";
import { ManualClock } from "../runs/manual-clock.ts";
import { FakePrograms, writeUsers } from "./fake-programs.ts";

export const libc = openLibc();
export function socketPath(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "luksmith-socket-"));
  // others have to get as far as the socket
  chmodSync(directory, 0o755);
  context.after(() => rmSync(directory, { recursive: true }));
  return join(directory, "agent.sock");
}

export interface AgentSocket {
  readonly path: string;
  /** Requests that reached a handler. */
  readonly handled: string[];
  readonly audit: AuditLog;
  connections(): Promise<number>;
  /** Ends all calls of `doctor`. */
  answerDoctors(): void;
  close(): Promise<void>;
}

/** nobody may see the status. */
export async function startAgentSocket(context: TestContext, group = "luksmith"): Promise<AgentSocket> {
  const programs = new FakePrograms(context);
  writeUsers(programs);
  const config: Pick<AgentConfig, "access" | "socket"> = {
    socket: { path: socketPath(context), group },
    access: [{ users: ["nobody"], groups: [], volumes: ["*"], jobs: [], allow: ["status"] }],
  };
  const clock = new ManualClock();
  const users = new UserDatabase(programs.exec, clock);
  const log = pino({ level: "silent" });
  const stateDir = mkdtempSync(join(tmpdir(), "luksmith-state-"));
  context.after(() => rmSync(stateDir, { recursive: true }));
  const audit = new AuditLog(stateDir, clock, log);
  context.after(() => audit.close());
  const access = new Access(config, users, audit);
  const handled: string[] = [];
  const server = new Server(serverOptions);
  const asked = new EventEmitter().setMaxListeners(0);
  const handlers: Pick<AgentServiceServer, "getStatus" | "getRun" | "doctor"> = {
    getStatus: (call, callback) => {
      handled.push("getStatus");
      const peer = call.getPeer();
      access.authorize(peer, "status").then(
        ({ name }) => callback(null, GetStatusResponse.fromPartial({ hostname: name, configPath: peer })),
        (error: unknown) => callback(toStatus(error)),
      );
    },
    getRun: (_call, callback) => {
      handled.push("getRun");
      callback(null, { run: undefined });
    },
    // takes as long as the test wants
    doctor: (_call, callback) => {
      handled.push("doctor");
      asked.once("answer", () => callback(null, { findings: [] }));
    },
  };
  const service = limited(handlers as AgentServiceServer, new UserPlaces(callsEach), access);
  server.addService(AgentServiceService, service);
  const claim = await claimSocket(config.socket.path, libc);
  const listener = await serveUnix({
    claim,
    gid: await users.groupId(group),
    server,
    libc,
    log,
    onTurnedAway: (who, reason) => access.turnAway(who, "connect", reason),
  });
  const close = async () => {
    await listener.close();
    server.forceShutdown();
    await claim.release();
  };
  context.after(close);
  return {
    path: claim.path,
    handled,
    audit,
    connections: () => listener.connections(),
    answerDoctors: () => asked.emit("answer"),
    close,
  };
}

export function connectTo(context: TestContext, path: string, options: ClientOptions = {}): AgentServiceClient {
  const client = new AgentServiceClient(`unix:${path}`, credentials.createInsecure(), options);
  context.after(() => client.close());
  return client;
}
