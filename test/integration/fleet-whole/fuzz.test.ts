/**
 * Whatever operators, machines without a certificate and strangers send to the controller, to each of its calls and ports: it goes on, and
 * whoever has a right to is answered. What was drawn can be drawn again: LUKSMITH_FUZZ_SEED.
 */

import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Client, type ServiceError, status } from "@grpc/grpc-js";
import { parseYaml } from "../../../common/config/yaml-document.ts";
import { fleetChannelOptions, fleetCredentials } from "../../../common/fleet/channel.ts";
import { operatorFileSchema } from "../../../common/fleet/operator-file.ts";
import { ControllerServiceService } from "../../../proto/gen/luksmith/v1/controller.ts";
import { EnrolmentServiceService, FleetServiceService } from "../../../proto/gen/luksmith/v1/fleet.ts";
import { below, type Draw, drawing, pick, randomBytes, spoil } from "../drawing.ts";
import { WholeFleet } from "./whole-fleet.ts";

const seed = Number(process.env.LUKSMITH_FUZZ_SEED ?? randomInt(2 ** 31));
const forMs = Number(process.env.LUKSMITH_FUZZ_MS ?? 5000);
/** A call that is answered for longer than that is ended from here. */
const longMs = 500;

const askEveryMs = 100;

interface Method {
  readonly path: string;
  readonly requestDeserialize: (bytes: Buffer) => object;
  readonly requestSerialize: (request: never) => Buffer;
}

const methods: readonly Method[] = [ControllerServiceService, EnrolmentServiceService, FleetServiceService].flatMap(
  (service) => Object.values(service) as unknown as Method[],
);

const texts = [
  // not that of the machine itself, which an admin may revoke
  ...["", "web2", "all", "env=prod", "name=", "last", "\0", "\u001b[2J", "ä\ud83d", "x".repeat(9000), "*", "%", "' --"],
  ...["__proto__", "../../etc/passwd", "[", "{a: *b}", "- - -", "null", "127.0.0.1:1", "-1", "1e99"],
  'schedules: { n: { selector: all, verb: backup, job: "*", cron: "0 2 31 2 *" } }',
];
const numbers = [0, 1, 7, 2 ** 31 - 1, 2 ** 32 - 1, 2 ** 53 - 1];
const times = [new Date(0), new Date(-62135596800000), new Date(253402300799999), undefined];

let fleet: WholeFleet;

before(async () => {
  fleet = await WholeFleet.begin();
  await fleet.machine("web1");
  for (const name of ["ann", "bob"]) await fleet.says(`operator create ${name} --role admin --out ${name}.yaml`, /^/);
});

after(() => fleet?.[Symbol.asyncDispose]());

/** Of the kind of each field's, and then perhaps no message at all. */
function request({ requestDeserialize, requestSerialize }: Method, draw: Draw): Buffer {
  if (draw() < 0.1) return randomBytes(draw, 200);
  const message = requestDeserialize(Buffer.alloc(0)) as Record<string, unknown>;
  for (const [field, value] of Object.entries(message)) {
    if (typeof value === "string") message[field] = pick(draw, texts);
    else if (typeof value === "number") message[field] = pick(draw, numbers);
    else if (typeof value === "boolean") message[field] = draw() < 0.5;
    else if (value instanceof Uint8Array) message[field] = randomBytes(draw, 300);
    else if (field === "since") message[field] = pick(draw, times);
  }
  let bytes: Buffer;
  try {
    bytes = requestSerialize(message as never);
  } catch {
    // what cannot be said at all
    return randomBytes(draw, 200);
  }
  return draw() < 0.5 ? bytes : spoil(draw, bytes);
}

/** @param file of an operator's credential @param isKnown whether it is shown */
async function clientFor(file: string, isKnown: boolean): Promise<Client> {
  const text = await readFile(join(fleet.directory, file), "utf8");
  const { authorities, certificate, key } = operatorFileSchema.parse(parseYaml(text).value);
  const tls = fleetCredentials({ authorities, ...(isKnown ? { own: { certificate, key } } : {}) });
  return new Client(fleet.controller.address, tls, fleetChannelOptions);
}

/** What gRPC itself says of bytes that are no such message: as if that were the server's fault. */
const notUnderstood = /^Error deserializing request/;

const raw = (bytes: Buffer): Buffer => bytes;

/** Each call may have an answer of any number of messages. @returns how it ended */
async function send(client: Client, { path }: Method, bytes: readonly Buffer[]): Promise<string> {
  const call = client.makeBidiStreamRequest(path, raw, raw);
  const ended = Promise.withResolvers<string>();
  call.on("error", ({ code, details }: ServiceError) =>
    ended.resolve(notUnderstood.test(details) ? "NOT_UNDERSTOOD" : (status[code] ?? `${code}`)),
  );
  call.on("end", () => ended.resolve("OK"));
  call.on("data", () => undefined);
  for (const each of bytes) call.write(each);
  call.end();
  const tooLong = AbortSignal.timeout(longMs);
  tooLong.addEventListener("abort", () => call.cancel());
  return ended.promise;
}

const isNow = (endMs: number) => performance.now() < endMs;

/** @returns how often calls ended in each way */
async function nag(file: string, isKnown: boolean, draw: Draw, endMs: number): Promise<Map<string, number>> {
  const client = await clientFor(file, isKnown);
  const ends = new Map<string, number>();
  while (isNow(endMs)) {
    const method = pick(draw, methods);
    const bytes = Array.from({ length: draw() < 0.9 ? 1 : below(draw, 4) }, () => request(method, draw));
    const end = await send(client, method, bytes);
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }
  client.close();
  return ends;
}

const firstWords = [
  "GET / HTTP/1.1\r\n\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
];

/** Bytes that are no TLS, and no HTTP. @returns how many connections there were */
async function knock(address: string, draw: Draw, endMs: number): Promise<number> {
  const [host = "", port = ""] = address.split(":");
  let times = 0;
  while (isNow(endMs)) {
    const socket = connect(Number(port), host);
    socket.on("error", () => undefined);
    // `once` of node:events would fail with what the other end makes of it
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.write(Buffer.concat([Buffer.from(pick(draw, firstWords), "latin1"), randomBytes(draw, 400)]));
    if (draw() < 0.5) socket.end();
    const patience = setTimeout(draw() < 0.5 ? below(draw, 50) : longMs, undefined, { ref: false });
    await Promise.race([closed, patience]);
    socket.destroy();
    await closed;
    times += 1;
  }
  return times;
}

test(`the controller goes on (LUKSMITH_FUZZ_SEED=${seed})`, async () => {
  const draws = [1, 2, 3, 4, 5].map((number) => drawing(seed + number));
  const [first, second, third, fourth, fifth] = draws as [Draw, Draw, Draw, Draw, Draw];
  const endMs = performance.now() + forMs;
  let answered = 0;
  const ask = async () => {
    while (isNow(endMs)) {
      // none: nobody answered
      assert.equal((await fleet.machines("name=web1")).length, 1, `after ${answered} answers`);
      answered += 1;
      // more often than that it would be told to wait
      await setTimeout(askEveryMs);
    }
  };
  const [, ann, bob, stranger, doors, pages] = await Promise.all([
    ask(),
    nag("ann.yaml", true, first, endMs),
    nag("bob.yaml", true, second, endMs),
    nag("ann.yaml", false, third, endMs),
    knock(fleet.controller.address, fourth, endMs),
    knock(fleet.controller.http, fifth, endMs),
  ]);
  assert.ok(fleet.controller.isAlive, fleet.controller.logged.slice(-3000));
  const sent = [...ann.values(), ...bob.values()].reduce((sum, count) => sum + count, 0);
  const seen = `${JSON.stringify([[...ann], [...stranger]])}, ${doors} and ${pages} connections, ${answered} answers`;
  assert.ok(sent > 20 && doors > 3 && pages > 3 && answered > 3, seen);
  for (const ends of [ann, bob]) assert.ok((ends.get("OK") ?? 0) > 0, seen);
  // "it is our own fault": not once, to anybody
  for (const ends of [ann, bob, stranger]) assert.equal(ends.get("INTERNAL") ?? 0, 0, seen);
  assert.equal(stranger.get("OK") ?? 0, 0, seen);
  // errors, and what is worse
  assert.doesNotMatch(fleet.controller.logged, /"level":[56]0/);
  await fleet.connected("web1");
  assert.equal(await fleet.controller.unready(), "");
});
