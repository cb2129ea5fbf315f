/**
 * Whoever speaks for a controller may have stolen its certificate, or be mistaken: the machine gives up no authority by which it is in its
 * fleet. That a hostile controller of the fleet's own authority can have it believe others beside cannot be told from a change of the
 * authority (docs/fleet.md, "If a controller is stolen").
 */

import { type Client, connectivityState } from "@grpc/grpc-js";
import { rejectsWhenAborted } from "../../common/aborted.ts";
import { LuksmithError } from "../../common/errors.ts";
import { certificatesIn, fingerprintOf, issuerAmong } from "../../common/fleet/certificate.ts";
import { fleetClient } from "./dial.ts";
import type { MachineIdentity } from "./identity-file.ts";

const connectMs = 30_000;

/** Whether nothing that is believed now is given up. @throws {LuksmithError} "refused" for what are no certificates */
export function isAddition(authorities: string, identity: Pick<MachineIdentity, "authorities">): boolean {
  const fresh = certificatesIn(authorities).map(fingerprintOf);
  return certificatesIn(identity.authorities).every((authority) => fresh.includes(fingerprintOf(authority)));
}

/**
 * That the machine would still be in its fleet if it believed these alone: they have issued its own certificate, and one of them that of
 * whoever answers now at the address that it is connected to.
 * @throws {LuksmithError} "refused"; the signal's reason
 */
export async function requireWayBack(
  authorities: string,
  identity: MachineIdentity,
  address: string,
  signal: AbortSignal,
): Promise<void> {
  const [own] = certificatesIn(identity.certificate);
  const fresh = certificatesIn(authorities);
  if (issuerAmong(own, fresh) === undefined) {
    throw shutOut("none of them has issued the machine's own certificate");
  }
  const client = fleetClient(address, { ...identity, authorities: fresh.join("") });
  try {
    if (!(await Promise.race([isAnswered(client), rejectsWhenAborted(signal)])))
      throw shutOut(`nobody who answers at ${address} has a certificate of theirs`);
  } finally {
    client.close();
  }
}

/** At the first attempt: a channel by itself would go on until the end of time. */
async function isAnswered(client: Client): Promise<boolean> {
  const channel = client.getChannel();
  const deadline = Date.now() + connectMs;
  for (;;) {
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) return true;
    if (state === connectivityState.TRANSIENT_FAILURE) return false;
    const late = await new Promise<Error | undefined>((resolve) =>
      channel.watchConnectivityState(state, deadline, resolve),
    );
    if (late !== undefined) return false;
  }
}

function shutOut(why: string): LuksmithError {
  return new LuksmithError("refused", `the machine would be shut out by the authorities that it was told of: ${why}`);
}
