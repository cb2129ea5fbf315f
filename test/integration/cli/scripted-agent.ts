/**
 * The other end of the socket: a real gRPC server that speaks the agent's protocol and answers as a test tells it to.
 * It is the network peer of the program under test, which runs as a process of its own.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, ServerCredentials, type ServerUnaryCall, type ServerWritableStream } from "@grpc/grpc-js";
import { toStatus } from "../../../common/error-wire.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { AgentServiceService } from "../../../proto/gen/luksmith/v1/agent.ts";

type Methods = typeof AgentServiceService;
type RequestOf<Method> = Method extends { requestDeserialize: (bytes: Buffer) => infer Request } ? Request : never;
type ResponseOf<Method> = Method extends { responseDeserialize: (bytes: Buffer) => infer Response } ? Response : never;

type Unary<Method> = (request: RequestOf<Method>) => ResponseOf<Method> | Promise<ResponseOf<Method>>;
type Stream<Method> = (
  request: RequestOf<Method>,
  send: (response: ResponseOf<Method>) => void,
  gone: AbortSignal,
) => Promise<void> | void;

/** What a test says about the calls that it expects; any other call fails and says so. */
export type Script = {
  [Name in keyof Methods]?: Methods[Name] extends { responseStream: true }
    ? Stream<Methods[Name]>
    : Unary<Methods[Name]>;
};

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
  const handlers: Record<string, (...args: never[]) => void> = {};
  for (const [name, definition] of Object.entries(AgentServiceService)) {
    const answer = scripted(script, name);
    handlers[name] = definition.responseStream
      ? async (call: ServerWritableStream<unknown, unknown>) => {
          calls.push(name);
          const gone = new AbortController();
          call.once("cancelled", () => gone.abort());
          try {
            await answer(call.request, (response: unknown) => call.write(response), gone.signal);
            call.end();
          } catch (error) {
            call.emit("error", toStatus(error));
          }
        }
      : async (call: ServerUnaryCall<unknown, unknown>, reply: (error: unknown, response?: unknown) => void) => {
          calls.push(name);
          try {
            reply(null, await answer(call.request));
          } catch (error) {
            reply(toStatus(error));
          }
        };
  }
  server.addService(AgentServiceService, handlers as never);
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

function scripted(script: Script, name: string): (...args: unknown[]) => unknown {
  const answer: unknown = Reflect.get(script, name);
  if (typeof answer === "function") return (...args) => Reflect.apply(answer, undefined, args);
  return () => {
    throw new LuksmithError("internal", `the test expects no call of ${name}`);
  };
}
