/** How a client of the controller does TLS: it believes the fleet's authorities alone, and those that speak for a controller. */

import { createSecureContext, type PeerCertificate } from "node:tls";
import { type ChannelCredentials, type ChannelOptions, credentials } from "@grpc/grpc-js";
import { identityIn } from "./identity.ts";

export interface ClientTls {
  /** PEM, all that are trusted. */
  readonly authorities: string;
  /** What it shows; whoever enrols has nothing yet. Both PEM. */
  readonly own?: { readonly certificate: string; readonly key: string };
}

/** Both ends are ours: there is nothing older to be compatible with. */
export const tlsVersion = "TLSv1.3";

/** @throws {Error} OpenSSL's, when a key does not fit its certificate, or something is no PEM */
export function fleetCredentials({ authorities, own }: ClientTls): ChannelCredentials {
  const context = createSecureContext({
    ca: authorities,
    minVersion: tlsVersion,
    ...(own === undefined ? {} : { cert: own.certificate, key: own.key }),
  });
  return credentials.createFromSecureContext(context, { checkServerIdentity: controllerFault });
}

/** As tls.checkServerIdentity: what is wrong with the server. The authority is private, so host names prove nothing more. */
export function controllerFault(_host: string, certificate: PeerCertificate): Error | undefined {
  if (identityIn(certificate.subjectaltname)?.kind === "controller") return undefined;
  return new Error("the certificate is not a controller's");
}

export const fleetChannelOptions = {
  // the name that TLS tells the server: an address is none (RFC 6066, 3), and nobody reads it
  "grpc.ssl_target_name_override": "controller.luksmith.invalid",
  "grpc.default_authority": "controller.luksmith.invalid",
  // a call is not repeated behind our back
  "grpc.enable_retries": 0,
  "grpc.enable_http_proxy": 0,
  "grpc.enable_channelz": 0,
} as const satisfies ChannelOptions;
