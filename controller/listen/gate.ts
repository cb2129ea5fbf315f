/**
 * The door of every call: which of the services a peer may speak to at all, and whether its certificate still counts. What it may do
 * there is for the handlers to say.
 */

import { type Metadata, ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import type { Rate } from "../../common/allowance.ts";
import type { Clock } from "../../common/clock.ts";
import { toStatus } from "../../common/error-wire.ts";
import { LuksmithError } from "../../common/errors.ts";
import type { FleetIdentity } from "../../common/fleet/identity.ts";
import type { Log } from "../../common/log.ts";
import { Allowances } from "./allowances.ts";
import { isKnown, type KnownPeer, type Peer, parsePeer } from "./peer.ts";
import { refusalError } from "./refusal.ts";

/** What the fleet makes of an identity and a certificate, apart from what stands in the certificate itself. */
export type Standing = "good" | "revoked" | "unknown";
/** A person waits for it; a thousand machines that come at once have it busy for less. */
const standingMs = 10_000;

/** Asks the database. */
export type AskStanding = (identity: FleetIdentity, serial: string) => Promise<Standing>;

/** Whom each service is for; what is not here is for nobody. */
const audiences: Readonly<Record<string, Peer["kind"]>> = {
  "luksmith.v1.EnrolmentService": "stranger",
  "luksmith.v1.FleetService": "machine",
  "luksmith.v1.ControllerService": "operator",
  "luksmith.v1.RelayService": "controller",
};

/** Calls of one machine or operator, whatever they are; each has the database asked at least once. */
export type CallRates = Readonly<Record<"machine" | "operator", Rate>>;

/** A machine has one stream, and a new certificate now and then; an operator may have a script that goes through machines one by one. */
const callRates: CallRates = {
  machine: { perMinute: 30, atOnce: 120 },
  operator: { perMinute: 600, atOnce: 600 },
};

export function gate(standing: AskStanding, clock: Clock, log: Log, rates: CallRates = callRates): ServerInterceptor {
  const allowances = {
    machine: new Allowances(clock, rates.machine),
    operator: new Allowances(clock, rates.operator),
  };
  const mayCall = ({ kind, name }: KnownPeer) => kind === "controller" || allowances[kind].take(name);
  return (method, call) => {
    // read at once: after a disconnect grpc-js no longer knows
    const peer = call.getPeer();
    const admitted = admit(peer, method.path, mayCall, standing, clock, log);
    // awaited where the call's metadata are; a call may be gone by then
    admitted.catch(() => undefined);
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata: Metadata, nextMetadata) => {
            admitted.then(
              () => nextMetadata(metadata),
              (error: unknown) => {
                log.debug({ peer, method: method.path, err: error }, "a call was refused");
                call.sendStatus(toStatus(error));
              },
            );
          },
        }),
    });
  };
}

/** @throws {LuksmithError} for whoever is not to be heard */
async function admit(
  text: string,
  path: string,
  mayCall: (peer: KnownPeer) => boolean,
  standing: AskStanding,
  clock: Clock,
  log: Log,
): Promise<void> {
  const peer = parsePeer(text);
  if (peer.kind === "refused") throw refusalError(peer.refusal);
  const [, service = ""] = path.split("/");
  const audience = Object.hasOwn(audiences, service) ? audiences[service] : undefined;
  if (peer.kind !== audience) throw notForThem(peer, audience);
  if (!isKnown(peer)) return;
  if (clock.now().getTime() >= peer.expiresMs) throw refusalError("expired");
  if (!mayCall(peer)) {
    throw new LuksmithError("locked", `too many calls of ${peer.kind} ${peer.name} in a short time`, {
      hint: "wait a minute, and try again",
    });
  }
  const found = await ask(standing, peer, peer.serial, clock, (error) =>
    log.debug({ err: error }, "a peer is not checked"),
  );
  if (found !== "good") throw refusalError(found);
}

/** Without it each call would have an error made for it, with a stack. */
const noError = Symbol();

/**
 * As the database has it; "unchecked" when it cannot be asked, or does not answer in time, which `onError` hears of: nobody goes on
 * because of that, and nobody waits for a database that hangs.
 */
export async function ask(
  standing: AskStanding,
  { kind, name }: FleetIdentity,
  serial: string,
  clock: Clock,
  onError: (error: unknown) => void,
): Promise<Standing | "unchecked"> {
  const answered = new AbortController();
  const late = clock.sleep(standingMs, answered.signal).then(() => {
    throw new LuksmithError("stalled", "the database does not answer");
  });
  try {
    return await Promise.race([standing({ kind, name }, serial), late]);
  } catch (error) {
    onError(error);
    return "unchecked";
  } finally {
    answered.abort(noError);
  }
}

function notForThem({ kind }: Peer, audience: Peer["kind"] | undefined): LuksmithError {
  if (kind === "stranger") {
    return new LuksmithError("denied", "without a certificate of the fleet there is nothing to do here but to enrol");
  }
  const whose = audience === undefined || audience === "stranger" ? "nobody who has a certificate" : `${audience}s`;
  return new LuksmithError("denied", `this is for ${whose}, and the certificate is one of ${kind}s`);
}
