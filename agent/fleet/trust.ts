/** Whom the machine believes and what it shows, as it tells the controller; and when its certificate is to be replaced. */

import { Metadata } from "@grpc/grpc-js";
import { LuksmithError } from "../../common/errors.ts";
import { certificatesIn, fingerprintOf, issuerAmong } from "../../common/fleet/certificate.ts";
import { renewalTime } from "../../common/fleet/renewal.ts";
import { type Credentials, RenewCertificateResponse, type Trust } from "../../proto/gen/luksmith/v1/fleet.ts";
import { fleetClient } from "./dial.ts";
import type { MachineIdentity } from "./identity-file.ts";

const renewalWithinMs = 30_000;
const chanceRange = 2 ** 16;

/** @throws {LuksmithError} "refused" when there is no certificate where one should be */
export function trustOf({ certificate, authorities, revokedControllers, addresses }: MachineIdentity): Trust {
  const [own] = certificatesIn(certificate);
  const trusted = certificatesIn(authorities);
  const issuer = issuerAmong(own, trusted);
  return {
    authorities: trusted.map(fingerprintOf),
    issuer: issuer === undefined ? "" : fingerprintOf(issuer),
    expires: own.validToDate,
    revokedControllers: [...revokedControllers],
    refused: undefined,
    addresses: [...addresses],
  };
}

/** Always the same for one certificate: an agent that is started anew does not draw again. */
export function renewalOf({ certificate }: MachineIdentity): Date {
  const [own] = certificatesIn(certificate);
  const chance = Number.parseInt(fingerprintOf(own).slice(0, 4), 16) / chanceRange;
  return renewalTime({ notBefore: own.validFromDate, notAfter: own.validToDate }, chance);
}

export function expiryOf({ certificate }: MachineIdentity): Date {
  const [own] = certificatesIn(certificate);
  return own.validToDate;
}

/** Over a connection of its own, with what the machine shows now. @throws {ServiceError} */
export function askForCertificate(
  address: string,
  identity: MachineIdentity,
  request: Uint8Array,
  nowMs: number,
): Promise<Credentials> {
  const client = fleetClient(address, identity);
  return new Promise<Credentials>((resolve, reject) => {
    client.renewCertificate(
      { certificateRequest: Buffer.from(request) },
      new Metadata(),
      { deadline: nowMs + renewalWithinMs },
      (error: Error | null, response) => {
        const { credentials } = error === null ? response : RenewCertificateResponse.create();
        if (error !== null) reject(error);
        else if (credentials === undefined) reject(new LuksmithError("refused", `${address} sends no certificate`));
        else resolve(credentials);
      },
    );
  }).finally(() => client.close());
}
