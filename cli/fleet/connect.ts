/** The way to a controller: of several addresses the first that answers, and in words why none does. */

import { connect as connectTls, type TLSSocket } from "node:tls";
import { Client, connectivityState } from "@grpc/grpc-js";
import { LuksmithError } from "../../common/errors.ts";
import { controllerFault, fleetChannelOptions, fleetCredentials, tlsVersion } from "../../common/fleet/channel.ts";
import { noAnswerText } from "../../common/fleet/no-answer.ts";
import { escapeControls } from "../../common/quote.ts";
import { anotherCredential, type Credential } from "./credential.ts";

export interface Connection {
  readonly client: Client;
  readonly address: string;
}

/** A controller that is there answers within a few round trips; the next address is not to wait longer for a dead one. */
const connectMs = 5_000;
/** One that takes connections, and has thousands of machines to take as well. */
const busyMs = 20_000;
/** Ten thousand machines with their jobs. */
const messageBytesMax = 256 * 2 ** 20;

/** @throws {LuksmithError} "config" for a credential that TLS cannot use; "unreachable" or "refused" when no address will do */
export async function connectFirst(credential: Credential, signal: AbortSignal): Promise<Connection> {
  for (const address of credential.addresses) {
    const client = makeClient(credential, address);
    if (await isReady(client, connectMs, signal)) return { client, address };
    client.close();
    signal.throwIfAborted();
  }
  const faults = await faultsOf(credential);
  for (const { address, fault } of faults) {
    if (fault.kind !== "busy") continue;
    const client = makeClient(credential, address);
    if (await isReady(client, busyMs, signal)) return { client, address };
    client.close();
    signal.throwIfAborted();
  }
  throw unreachable(faults);
}

function makeClient(credential: Credential, address: string): Client {
  const { authorities, certificate, key } = credential;
  try {
    return new Client(address, fleetCredentials({ authorities, own: { certificate, key } }), {
      ...fleetChannelOptions,
      "grpc.max_receive_message_length": messageBytesMax,
      // by its 64 KiB a list of ten thousand would take a hundred round trips, each as long as the controller is busy
      "grpc-node.flow_control_window": 4 * 2 ** 20,
      // who watches for hours is to see that the wire is dead
      "grpc.keepalive_time_ms": 20_000,
      "grpc.keepalive_timeout_ms": 10_000,
    });
  } catch (cause) {
    throw new LuksmithError("config", "the certificates or the key of the credential cannot be used", {
      hint: anotherCredential,
      cause,
    });
  }
}

async function isReady(client: Client, withinMs: number, signal: AbortSignal): Promise<boolean> {
  const channel = client.getChannel();
  const deadline = Date.now() + withinMs;
  const stopped = Promise.withResolvers<undefined>();
  const onStop = () => stopped.resolve(undefined);
  signal.addEventListener("abort", onStop, { once: true });
  try {
    while (!signal.aborted) {
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) return true;
      if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) return false;
      const changed = new Promise<Error | undefined>((resolve) =>
        channel.watchConnectivityState(state, deadline, resolve),
      );
      if ((await Promise.race([changed, stopped.promise])) !== undefined) return false;
    }
    return false;
  } finally {
    signal.removeEventListener("abort", onStop);
  }
}

/** What is wrong with one address. */
export type AddressFault =
  | { readonly kind: "silent"; readonly why: string }
  /** A controller of this fleet is there, and takes connections. */
  | { readonly kind: "busy"; readonly why: string }
  /** Something else than a controller of this fleet. */
  | { readonly kind: "stranger"; readonly why: string };

/** gRPC says no more than that it is not available: connecting by hand says why. */
function faultsOf(credential: Credential): Promise<{ address: string; fault: AddressFault }[]> {
  return Promise.all(
    credential.addresses.map(async (address) => ({ address, fault: await probe(credential, address) })),
  );
}

/** Pure. The fault of the first stranger counts for more: it is no matter of waiting. */
export function unreachable(faults: readonly { address: string; fault: AddressFault }[]): LuksmithError {
  const says = ({ address, fault }: (typeof faults)[number]) => `${address}: ${escapeControls(fault.why)}`;
  const stranger = faults.find(({ fault }) => fault.kind === "stranger");
  if (stranger !== undefined) {
    return new LuksmithError("refused", `this is no controller that your credential believes: ${says(stranger)}`, {
      hint: `another fleet's credential, or one of before the authority was changed; ${anotherCredential}`,
    });
  }
  const [only, ...others] = faults;
  const message =
    only !== undefined && others.length === 0
      ? `the controller does not answer: ${says(only)}`
      : `no controller answers:\n${faults.map(says).join("\n")}`;
  return new LuksmithError("unreachable", message, {
    hint: "there: systemctl status luksmith-controller; where it listens is in your credential, below `addresses`",
  });
}

function probe({ authorities, certificate, key }: Credential, address: string): Promise<AddressFault> {
  const colon = address.lastIndexOf(":");
  return new Promise((resolve) => {
    const socket: TLSSocket = connectTls({
      host: address.slice(0, colon).replace(/^\[(.*)\]$/, "$1"),
      port: Number(address.slice(colon + 1)),
      ca: authorities,
      cert: certificate,
      key,
      minVersion: tlsVersion,
      ALPNProtocols: ["h2"],
      checkServerIdentity: controllerFault,
      timeout: connectMs,
    });
    const settle = (fault: AddressFault) => {
      socket.destroy();
      resolve(fault);
    };
    socket.once("secureConnect", () => settle({ kind: "busy", why: "it takes the connection, and no calls" }));
    socket.once("timeout", () => settle({ kind: "silent", why: "nothing comes back" }));
    socket.once("error", (error) => settle(faultOf(error)));
  });
}

function faultOf(error: Error): AddressFault {
  const code = "code" in error ? String(error.code) : "";
  const why = noAnswerText(code);
  if (why !== undefined) return { kind: "silent", why };
  // Node's words for what OpenSSL found out about the other's certificate
  const isAboutCertificate = /CERT|SIGNATURE|ISSUER|CHAIN|TLS|SSL/.test(code) || code === "";
  return { kind: isAboutCertificate ? "stranger" : "silent", why: error.message };
}
