/** A client of the agent that knows no manners: calls from standard input, answers on standard output, both as JSON. */

import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { fromServiceError } from "../../../../common/error-wire.ts";
import * as agent from "../../../../proto/gen/luksmith/v1/agent.ts";
import * as looking from "../../../../proto/gen/luksmith/v1/looking.ts";
import type { Answer, Call } from "../people.ts";

interface Method {
  readonly path: string;
  readonly responseStream: boolean;
  readonly requestSerialize: (request: unknown) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => unknown;
}

const messages: Record<string, unknown> = { ...agent, ...looking };
const methods = agent.AgentServiceService as unknown as Record<string, Method>;
const callMs = 120_000;
/** Of a stream, so many and the last are kept. */
const mostResponses = 1000;

function complete(method: Method, request: unknown): unknown {
  const name = `${method.path.slice(method.path.lastIndexOf("/") + 1)}Request`;
  return (messages[name] as { fromPartial(part: unknown): unknown }).fromPartial(request ?? {});
}

function revive(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("base64" in value)) return value;
  return Buffer.from(String(value.base64), "base64");
}

const chunks = await Array.fromAsync(process.stdin as AsyncIterable<Buffer>);
const input = JSON.parse(Buffer.concat(chunks).toString(), revive) as {
  calls: Call[];
  metadata: Record<string, string>;
};
const client = new Client("unix:/run/luksmith/agent.sock", credentials.createInsecure());

function call(name: string, request: unknown): Promise<{ error?: ServiceError; responses: unknown[] }> {
  const method = methods[name];
  if (method === undefined) throw new Error(`there is no method ${name}`);
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(input.metadata)) metadata.set(key, value);
  const { path, requestSerialize, responseDeserialize } = method;
  const asked = complete(method, request);
  const options = { deadline: Date.now() + callMs };
  return new Promise((settle) => {
    if (!method.responseStream) {
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        asked,
        metadata,
        options,
        (error, response) => settle(error === null ? { responses: [response] } : { error, responses: [] }),
      );
      return;
    }
    const stream = client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      asked,
      metadata,
      options,
    );
    const responses: unknown[] = [];
    stream.on("data", (response) => {
      // the last one says how it ended
      if (responses.length === mostResponses) responses.pop();
      responses.push(response);
    });
    stream.once("error", (error: ServiceError) => settle({ error, responses }));
    stream.once("end", () => settle({ responses }));
  });
}

interface Ended {
  readonly event?: { readonly kind?: { readonly $case: string; readonly value: { run?: Answer["ended"] } } };
}

async function answer({ method, request, follow }: Call): Promise<Answer> {
  const { error, responses } = await call(method, request);
  const told = error && fromServiceError(error);
  const base = {
    status: error?.code ?? 0,
    code: told?.code ?? "",
    message: told?.message ?? error?.details ?? "",
    hint: told?.hint ?? "",
    responses,
  };
  const id = (responses[0] as { run?: { id: string } } | undefined)?.run?.id;
  if (follow !== true || id === undefined) return base;
  const events = (await call("watchRun", { id, follow: true })).responses as Ended[];
  const ended = events.map(({ event }) => (event?.kind?.$case === "ended" ? event.kind.value.run : undefined)).at(-1);
  return ended === undefined ? base : { ...base, ended };
}

const answers: Answer[] = [];
for (const each of input.calls) answers.push(await answer(each));
client.close();
process.stdout.write(JSON.stringify(answers));
