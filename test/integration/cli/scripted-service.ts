/** A service of the protocol that answers as a test tells it to, on a real gRPC server. */

import type {
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { toStatus } from "../../../common/error-wire.ts";
import { LuksmithError } from "../../../common/errors.ts";

type RequestOf<Method> = Method extends { requestDeserialize: (bytes: Buffer) => infer Request } ? Request : never;
type ResponseOf<Method> = Method extends { responseDeserialize: (bytes: Buffer) => infer Response } ? Response : never;

type Unary<Method> = (request: RequestOf<Method>) => ResponseOf<Method> | Promise<ResponseOf<Method>>;
type Stream<Method> = (
  request: RequestOf<Method>,
  send: (response: ResponseOf<Method>) => void,
  gone: AbortSignal,
) => Promise<void> | void;

/** What a test says about the calls that it expects; any other call fails and says so. */
export type ScriptOf<Methods> = {
  [Name in keyof Methods]?: Methods[Name] extends { responseStream: true }
    ? Stream<Methods[Name]>
    : Unary<Methods[Name]>;
};

/** @param onCall hears the name of each call that comes */
export function scriptedService(
  service: ServiceDefinition,
  script: object,
  onCall: (name: string) => void,
): UntypedServiceImplementation {
  const handlers: Record<string, (...args: never[]) => void> = {};
  for (const [name, definition] of Object.entries(service)) {
    const answer = scripted(script, name);
    handlers[name] = definition.responseStream
      ? async (call: ServerWritableStream<unknown, unknown>) => {
          onCall(name);
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
          onCall(name);
          try {
            reply(null, await answer(call.request));
          } catch (error) {
            reply(toStatus(error));
          }
        };
  }
  return handlers as never;
}

function scripted(script: object, name: string): (...args: unknown[]) => unknown {
  const answer: unknown = Reflect.get(script, name);
  if (typeof answer === "function") return (...args) => Reflect.apply(answer, undefined, args);
  return () => {
    throw new LuksmithError("internal", `the test expects no call of ${name}`);
  };
}
