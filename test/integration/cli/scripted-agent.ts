/**
 * The other end of the socket: a real gRPC server that speaks the agent's protocol and answers as a test tells it to.
 * It is the network peer of the program under test, which runs as a process of its own.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { AgentServiceService } from "../../../proto/gen/luksmith/v1/agent.ts";
import { type ScriptOf, scriptedService } from "./scripted-service.ts";

/** What a test says about the calls that it expects; any other call fails and says so. */
export type Script = ScriptOf<typeof AgentServiceService>;

export interface ScriptedAgent extends AsyncDisposable {
  readonly socket: string;
  /** A directory that goes with the agent. */
  readonly directory: string;
  /** The names of the calls that came, in order. */
  readonly calls: readonly string[];
}

export async function scriptedAgent(script: Script): Promise<ScriptedAgent> {
  const directory = await mkdtemp(join(tmpdir(), "luksmith-cli-"));
  const socket = join(directory, "agent.sock");
  const calls: string[] = [];
  const server = new Server();
  server.addService(
    AgentServiceService,
    scriptedService(AgentServiceService, script, (name) => calls.push(name)),
  );
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  return {
    socket,
    directory,
    calls,
    [Symbol.asyncDispose]: async () => {
      server.forceShutdown();
      await rm(directory, { recursive: true });
    },
  };
}
