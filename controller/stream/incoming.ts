/** What an agent sends, checked before anything is made of it: a machine may have been taken over. Pure. */

import { namePattern } from "../../common/config/names.ts";
import { LuksmithError } from "../../common/errors.ts";
import { ConnectRequest, type Hello, type Inventory, Trust } from "../../proto/gen/luksmith/v1/fleet.ts";
import { type ErrorDetail, type Run, RunEvent, RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { cleanMessage } from "./clean-text.ts";

export type Said = NonNullable<ConnectRequest["kind"]>;

/** What a message may have, beside its size, which gRPC looks at. */
const most = {
  jobs: 1000,
  volumes: 1000,
  words: 64,
  authorities: 8,
  /** An agent keeps half as many. */
  addresses: 64,
  running: 64,
  events: 2000,
  eventBytes: 64 * 2 ** 10,
  /** Of one run: ten times what an agent records. */
  seq: 1_000_000,
  name: 256,
  /** A host's name in full, with its port. */
  address: 300,
};
/** Texts in a report: runs are kept for long. What is longer is cut, since how a run ended must not be lost by it. */
const longest = { message: 2048, line: 512, word: 64 };
/** A clock that is ahead is tolerated; beyond that nothing would be newer than such a run, for ever. */
const aheadMs = 24 * 3_600_000;

const runIdPattern = /^[0-9a-z]{1,32}$/;
const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const fingerprintPattern = /^[0-9a-f]{64}$/;

/** @throws {LuksmithError} "usage" for what no agent sends */
export function readRequest(bytes: Uint8Array, now: Date): Said {
  let request: ConnectRequest;
  try {
    request = ConnectRequest.decode(bytes);
  } catch (cause) {
    throw new LuksmithError("usage", "a message cannot be read", { cause });
  }
  const { kind } = cleanMessage(request);
  if (kind === undefined) throw fault("a message of a kind that is not known");
  check(kind, now);
  return kind;
}

function check(said: Said, now: Date): void {
  switch (said.$case) {
    case "hello":
      checkHello(said.value);
      break;
    case "heartbeat":
      said.value.running = said.value.running.slice(0, most.running);
      require(said.value.running.every(({ runId }) => runIdPattern.test(runId)), "the id of a run is none");
      break;
    case "inventory":
      checkInventory(said.value);
      break;
    case "runReport":
      said.value.run = checkRun(said.value.run, now);
      require((said.value.cause?.schedule ?? "").length <= most.name &&
        isIdOrNone(said.value.cause?.dispatchId), "the cause of a run is none");
      break;
    case "runEvents":
      require(runIdPattern.test(said.value.runId), "the id of a run is none");
      require(said.value.events.length <= most.events, "too many events at once");
      require(said.value.events.every(({ seq }) => seq >= 1 && seq <= most.seq), "the number of an event is none");
      break;
    case "dispatchAnswer":
      require(idPattern.test(said.value.id), "the id of a dispatch is none");
      require(said.value.runId === "" || runIdPattern.test(said.value.runId), "the id of a run is none");
      break;
    case "permitRequest":
    case "permitReturn": {
      const { schedule, occurrence, job, volume } = said.value;
      require(occurrence !== undefined, "a permit is for a moment");
      require(schedule !== "", "a permit is for a schedule");
      require([schedule, job, volume].every((name) => name.length <= most.name), "a name is too long");
      break;
    }
    case "reply":
      require(idPattern.test(said.value.id), "the id of a query is none");
      break;
    case "trust":
      checkTrust(said.value);
  }
}

function checkHello(hello: Hello): void {
  require(idPattern.test(hello.instance), "an agent tells which start of it this is");
  require([hello.version, hello.hostname, hello.schedulesRevision].every(
    (text) => text.length <= most.name,
  ), "a name is too long");
  checkInventory(hello.inventory ?? { jobs: [], volumes: [], allowed: [], refused: [] });
  checkTrust(hello.trust ?? Trust.create());
}

function checkInventory({ jobs, volumes, allowed, refused }: Inventory): void {
  require(jobs.length <= most.jobs && refused.length <= most.jobs, "too many jobs");
  require(refused.every(({ schedule, job, volume }) =>
    [schedule, job, volume].every((name) => name.length <= most.name),
  ), "a name is too long");
  require(volumes.length <= most.volumes, "too many volumes");
  require(allowed.length <= most.words && allowed.every((word) => word.length <= most.name), "too many words");
  require([...jobs, ...volumes].every(({ name }) => namePattern.test(name)), "the name of a job or volume is none");
  require(new Set(jobs.map(({ name }) => name)).size === jobs.length, "two jobs have one name");
  require(volumes.every(({ backupHost }) => backupHost.length <= most.name), "the name of a backup host is none");
}

function checkTrust({ authorities, issuer, revokedControllers, addresses }: Trust): void {
  require(revokedControllers.length <= most.words &&
    revokedControllers.every((id) => id.length <= most.name), "too many controllers");
  require(addresses.length <= most.addresses &&
    addresses.every((address) => address.length <= most.address), "too many addresses");
  require(authorities.length <= most.authorities, "too many authorities");
  require([...authorities, issuer].every((one) => one === "" || fingerprintPattern.test(one)), "a fingerprint is none");
}

function checkRun(run: Run | undefined, now: Date): Run {
  if (run === undefined) throw fault("a report is about a run");
  require(runIdPattern.test(run.id), "the id of a run is none");
  require(run.state >= RunState.RUNNING && run.state <= RunState.INTERRUPTED, "the state of a run is none");
  require([run.job, run.volume, run.snapshot].every((name) => name.length <= most.name), "a name is too long");
  // they stand in addresses, where such a step leads elsewhere
  require(![run.job, run.volume].some((name) => name === "." || name === ".."), "the name of a job or volume is none");
  const latest = now.getTime() + aheadMs;
  const notAhead = (time: Date | undefined) => (time !== undefined && time.getTime() > latest ? now : time);
  const startedAt = notAhead(run.startedAt) ?? now;
  const isOver = run.state !== RunState.RUNNING;
  return {
    ...run,
    startedAt,
    finishedAt: isOver ? (notAhead(run.finishedAt) ?? now) : undefined,
    summary: short(run.summary, longest.line),
    error: shortError(run.error, longest.message),
    caller: run.caller && { ...run.caller, name: short(run.caller.name, longest.word) },
    retry: run.retry && { ...run.retry, error: shortError(run.retry.error, longest.line) },
  };
}

function shortError(error: ErrorDetail | undefined, most: number): ErrorDetail | undefined {
  if (error === undefined) return undefined;
  const { code, message, hint } = error;
  return { code: short(code, longest.word), message: short(message, most), hint: short(hint, longest.line) };
}

/** Whole characters. */
function short(text: string, most: number): string {
  return text.slice(0, most).toWellFormed();
}

/** @throws {LuksmithError} "usage" */
export function encodeEvent(event: RunEvent): Uint8Array {
  const bytes = RunEvent.encode(event).finish();
  require(bytes.length <= most.eventBytes, "an event is too large");
  return bytes;
}

function isIdOrNone(id: string | undefined): boolean {
  return id === undefined || id === "" || idPattern.test(id);
}

function require(isSo: boolean, otherwise: string): void {
  if (!isSo) throw fault(otherwise);
}

function fault(message: string): LuksmithError {
  return new LuksmithError("usage", message);
}
