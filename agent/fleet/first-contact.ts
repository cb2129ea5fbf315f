/** Before a machine is enrolled it has nothing but the fingerprint that a person has brought: the authority is found by that. */

import type { X509Certificate } from "node:crypto";
import { connect, type TLSSocket } from "node:tls";
import { LuksmithError } from "../../common/errors.ts";
import { type Address, showAddress } from "../../common/fleet/address.ts";
import { fleetChannelOptions, tlsVersion } from "../../common/fleet/channel.ts";
import { noAnswerText } from "../../common/fleet/no-answer.ts";
import { pinnedAmong } from "../../common/fleet/pin.ts";
import { escapeControls } from "../../common/quote.ts";

/** A controller sends its certificate and its authority's. */
const chainMax = 8;

/**
 * The authority that was pinned, as the other end has sent it. Nothing is verified and nothing else sent on this connection: what follows
 * is another one that believes this authority alone.
 * @param fingerprints any of which will do
 * @returns PEM
 * @throws {LuksmithError} "unreachable"; "refused" when the other end has no such authority; the signal's reason
 */
export async function pinnedAuthority(
  address: Address,
  fingerprints: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const shown = showAddress(address);
  const chain = await chainOf(address, signal).catch((cause: unknown) => {
    signal.throwIfAborted();
    const why = cause instanceof Error ? cause.message : `${cause}`;
    const reason = noAnswerText(why) ?? escapeControls(why);
    throw new LuksmithError("unreachable", `no controller answers at ${shown}: ${reason}`, {
      hint: "is it the address in the line of luksmith fleet token create, and can this machine reach it? there: systemctl status luksmith-controller",
      cause,
    });
  });
  const authority = pinnedAmong(chain, fingerprints);
  if (authority !== undefined) return authority.toString();
  throw new LuksmithError("refused", `what answers at ${shown} does not have the authority that --ca names`, {
    hint: "take the line of luksmith fleet token create once more; if it is the same, something stands between",
  });
}

async function chainOf({ host, port }: Address, signal: AbortSignal): Promise<X509Certificate[]> {
  signal.throwIfAborted();
  const socket: TLSSocket = connect({
    host,
    port,
    servername: fleetChannelOptions["grpc.ssl_target_name_override"],
    minVersion: tlsVersion,
    ALPNProtocols: ["h2"],
    rejectUnauthorized: false,
  });
  const onAbort = () => socket.destroy(new Error("it takes too long"));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
      socket.once("close", () => reject(new Error("the connection was closed")));
    });
    const chain: X509Certificate[] = [];
    let next = socket.getPeerX509Certificate();
    while (next !== undefined && chain.length < chainMax) {
      chain.push(next);
      next = next.issuerCertificate;
    }
    return chain;
  } finally {
    signal.removeEventListener("abort", onAbort);
    // what comes after it is nobody's
    socket.on("error", () => undefined);
    socket.destroy();
  }
}
