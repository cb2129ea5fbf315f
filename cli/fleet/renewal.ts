/** Another certificate for the operator, in good time and never in the way of the command that was typed. */

import { X509Certificate } from "node:crypto";
import { LuksmithError } from "../../common/errors.ts";
import { readCertificate } from "../../common/fleet/certificate.ts";
import { renewalTime } from "../../common/fleet/renewal.ts";
import { formatDuration } from "../../common/units.ts";
import type { Credentials } from "../../proto/gen/luksmith/v1/fleet.ts";
import type { ControllerClient } from "./controller-client.ts";
import { type Credential, replaceCredential } from "./credential.ts";

const dayMs = 86_400_000;
/** A certificate counts from a day before it was issued: clocks differ. */
const backdatedMs = dayMs;
/** A person at a prompt waits for it, and does not know why. */
const patienceMs = 5_000;
/** With less of its life left than that its owner has to know that it is not renewed. */
const urgentPart = 1 / 6;

/**
 * At two thirds of its life at the latest, and a day after it was issued where it is used: with another certificate comes what has
 * changed of the fleet's authorities and addresses, and a change of the authority waits for operators as it does for machines. Pure.
 */
export function isRenewalDue({ certificate }: Credential, now: Date): boolean {
  const life = readCertificate(new X509Certificate(certificate));
  // those of operators are few: they need not be spread
  const latest = renewalTime(life, 0).getTime();
  return now.getTime() >= Math.min(latest, life.notBefore.getTime() + backdatedMs + dayMs);
}

/** @returns what the operator should know, if anything */
export async function renewIfDue(
  fleet: ControllerClient,
  credential: Credential,
  now: Date,
): Promise<string | undefined> {
  if (!credential.isOurs || !isRenewalDue(credential, now)) return undefined;
  try {
    await withinPatience(renew(fleet, credential));
    return undefined;
  } catch (error) {
    return notRenewedText(credential, now, error);
  }
}

/** Replaces the credential's file. */
export async function renew(fleet: ControllerClient, credential: Credential): Promise<void> {
  const { makeKeyAndRequest } = await import("../../common/fleet/certificate-request.ts");
  const { key, request } = await makeKeyAndRequest();
  const { credentials } = await fleet.renewOperator({ certificateRequest: Buffer.from(request) });
  const { addresses, ...issued } = issuedTo(credentials);
  await replaceCredential(credential, { ...issued, addresses: withAnswering(addresses, fleet.address), key });
}

/** What the controller tells may not be how it is reached from here, such as through a tunnel. */
function withAnswering(told: readonly string[], answering: string | undefined): string[] {
  return answering === undefined || told.includes(answering) ? [...told] : [answering, ...told];
}

/** What the controller has issued, beside which the key is put. */
export function issuedTo(credentials: Credentials | undefined): Credentials {
  if (credentials !== undefined && credentials.certificate !== "" && credentials.addresses.length > 0)
    return credentials;
  throw new LuksmithError("internal", "the controller issued no certificate", {
    hint: "there: journalctl -u luksmith-controller",
  });
}

function notRenewedText({ path, certificate }: Credential, now: Date, error: unknown): string | undefined {
  const { notBefore, notAfter } = readCertificate(new X509Certificate(certificate));
  const leftMs = notAfter.getTime() - now.getTime();
  if (leftMs > (notAfter.getTime() - notBefore.getTime()) * urgentPart) return undefined;
  const why = error instanceof Error ? error.message : "for a reason that is not known";
  const when = leftMs > 0 ? `expires in ${formatDuration(leftMs)}` : "has expired";
  return `your credential ${path} ${when}, and could not be renewed: ${why}`;
}

async function withinPatience(work: Promise<void>): Promise<void> {
  // what comes later is still put in its place, or fails unheard
  work.catch(() => undefined);
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("the controller takes too long")), patienceMs);
  try {
    await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
