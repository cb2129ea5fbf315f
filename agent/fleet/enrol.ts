/** The machine becomes one of a fleet: its key is made here and stays here. */

import { hostname } from "node:os";
import { Metadata, type ServiceError } from "@grpc/grpc-js";
import { fromServiceError } from "../../common/error-wire.ts";
import { LuksmithError } from "../../common/errors.ts";
import { type Address, parseAddress, showAddress } from "../../common/fleet/address.ts";
import { fleetChannelOptions, fleetCredentials } from "../../common/fleet/channel.ts";
import { parsePin } from "../../common/fleet/pin.ts";
import { escapeControls, quoteText } from "../../common/quote.ts";
import { version } from "../../common/version.ts";
import { type EnrollRequest, type EnrollResponse, EnrolmentServiceClient } from "../../proto/gen/luksmith/v1/fleet.ts";
import { pinnedAuthority } from "./first-contact.ts";
import type { IdentityFile } from "./identity-file.ts";

export interface EnrolOrder {
  /** "host:port", in the order in which they are to be tried. */
  readonly addresses: readonly string[];
  readonly token: string;
  /** "sha256:...", any of which will do. */
  readonly pins: readonly string[];
  /** The machine may be in a fleet already, which it leaves thereby. */
  readonly replace: boolean;
}

export interface Enrolled {
  readonly machineId: string;
  /** Empty: an operator has to confirm one. */
  readonly name: string;
  /** The controller that has answered. */
  readonly address: string;
}

/** A controller that is there answers within seconds, and the next address is to have its turn. */
const contactMs = 10_000;
/** All of them have had their turn before whoever typed it gives up. */
const addressesMax = 8;
/** With a database that has to be waited for. */
const enrolMs = 60_000;

/**
 * @throws {LuksmithError} "exists" when the machine is enrolled; "usage"; "unreachable" when no address answers; "refused" for the token, or
 *   when something else than the fleet answers; the signal's reason
 */
export async function enrol(identities: IdentityFile, order: EnrolOrder, signal: AbortSignal): Promise<Enrolled> {
  const addresses = order.addresses.map(requireAddress);
  const fingerprints = order.pins.map(parsePin);
  if (addresses.length === 0 || fingerprints.length === 0) {
    throw new LuksmithError("usage", "an address of a controller and the fingerprint of its authority are needed");
  }
  if (addresses.length > addressesMax) throw new LuksmithError("usage", `${addressesMax} addresses will do`);
  if (!order.replace) await requireFree(identities);
  const { address, authority } = await contact(addresses, fingerprints, signal);
  // the library that makes requests is large, and needed once in weeks
  const { makeKeyAndRequest } = await import("../../common/fleet/certificate-request.ts");
  const { key, request } = await makeKeyAndRequest();
  const { machineId, name, credentials } = await ask(
    address,
    authority,
    { token: order.token, certificateRequest: Buffer.from(request), hostname: hostname(), version },
    signal,
  );
  if (credentials === undefined) throw new LuksmithError("refused", "the controller has issued no certificate");
  const named = {
    ...credentials,
    // a controller that does not know how it is reached from elsewhere is reached as it was just now
    addresses: credentials.addresses.length === 0 ? addresses.map(showAddress) : credentials.addresses,
  };
  await identities.enrolled(machineId, key, named, showAddress(address));
  return { machineId, name, address: showAddress(address) };
}

async function requireFree(identities: IdentityFile): Promise<void> {
  const identity = await identities.read();
  if (identity === undefined) return;
  throw new LuksmithError("exists", `the machine is in a fleet already, as ${identity.machineId}`, {
    hint: "luksmith enroll ... --replace takes another identity in the place of this one; luksmith leave gives it up",
  });
}

/** The first that answers and has the authority. @throws {LuksmithError} of the last address */
async function contact(
  addresses: readonly Address[],
  fingerprints: readonly string[],
  signal: AbortSignal,
): Promise<{ address: Address; authority: string }> {
  const failures: LuksmithError[] = [];
  for (const address of addresses) {
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(contactMs)]);
      return { address, authority: await pinnedAuthority(address, fingerprints, limit) };
    } catch (error) {
      signal.throwIfAborted();
      failures.push(
        error instanceof LuksmithError
          ? error
          : new LuksmithError("unreachable", `nothing comes back from ${showAddress(address)}`, { cause: error }),
      );
    }
  }
  // that something else answers is worth more than that nothing does
  const told = failures.find(({ code }) => code === "refused") ?? failures.at(-1);
  throw told ?? new LuksmithError("unreachable", "no address of a controller was given");
}

async function ask(
  address: Address,
  authority: string,
  request: EnrollRequest,
  signal: AbortSignal,
): Promise<EnrollResponse> {
  // with its scheme: a host may be called like one
  const client = new EnrolmentServiceClient(
    `dns:${showAddress(address)}`,
    fleetCredentials({ authorities: authority }),
    fleetChannelOptions,
  );
  const over = new AbortController();
  try {
    return await new Promise<EnrollResponse>((resolve, reject) => {
      const call = client.enroll(request, new Metadata(), { deadline: Date.now() + enrolMs }, (error, response) =>
        error === null ? resolve(response) : reject(error),
      );
      signal.addEventListener("abort", () => call.cancel(), { once: true, signal: over.signal });
    });
  } catch (thrown) {
    signal.throwIfAborted();
    throw explain(thrown, address);
  } finally {
    over.abort();
    client.close();
  }
}

/** What somebody else's program says is cut to so much. */
const saidMax = 500;

function explain(thrown: unknown, address: Address): LuksmithError {
  const told = isServiceError(thrown) ? fromServiceError(thrown) : undefined;
  if (told !== undefined) {
    const hint = told.hint === undefined ? {} : { hint: escapeControls(told.hint.slice(0, saidMax)) };
    return new LuksmithError(told.code, escapeControls(told.message.slice(0, saidMax)), { ...hint, cause: thrown });
  }
  const why = isServiceError(thrown) ? `: ${escapeControls(thrown.details.slice(0, saidMax))}` : "";
  return new LuksmithError("lost", `the controller at ${showAddress(address)} has not answered${why}`, {
    hint: "the token may have been used for it: luksmith fleet machines shows whether there is a machine that never connected",
    cause: thrown,
  });
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && "code" in thrown && "details" in thrown && typeof thrown.details === "string";
}

function requireAddress(text: string): Address {
  const address = parseAddress(text);
  if (address !== undefined) return address;
  throw new LuksmithError("usage", `${quoteText(text)} is no address of a controller`, {
    hint: "HOST:PORT, such as fleet.example.net:7443; an IPv6 address in brackets",
  });
}
