/** How a client of the controller does TLS: it believes the fleet's authorities alone, and those that speak for a controller. */

import { createSecureContext, type PeerCertificate } from "node:tls";
import { type ChannelCredentials, type ChannelOptions, credentials } from "@grpc/grpc-js";
import { identityIn } from "./identity.ts";

export interface ClientTls {
  /** PEM, all that are trusted. */
  readonly authorities: string;
  /** What it shows; whoever enrols has nothing yet. Both PEM. */
  readonly own?: { readonly certificate: string; readonly key: string };
  /** Ids of controllers whose certificates count no more. */
  readonly revokedControllers?: readonly string[];
  /** The id of the one controller that is meant; left out: any of the fleet's. */
  readonly controller?: string;
}

/** Both ends are ours: there is nothing older to be compatible with. */
export const tlsVersion = "TLSv1.3";

/** @throws {Error} OpenSSL's, when a key does not fit its certificate, or something is no PEM */
export function fleetCredentials({
  authorities,
  own,
  revokedControllers = [],
  controller,
}: ClientTls): ChannelCredentials {
  const context = createSecureContext({
    ca: authorities,
    minVersion: tlsVersion,
    ...(own === undefined ? {} : { cert: own.certificate, key: own.key }),
  });
  return credentials.createFromSecureContext(context, {
    checkServerIdentity: (host, certificate) => {
      const fault = controllerFault(host, certificate);
      const name = identityIn(certificate.subjectaltname)?.name ?? "";
      if (fault !== undefined) return fault;
      if (revokedControllers.includes(name)) return new Error(`the certificate of controller ${name} has been revoked`);
      if (controller === undefined || controller === name) return undefined;
      return new Error(`the certificate is that of another controller, ${name}`);
    },
  });
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
