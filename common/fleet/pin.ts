/** The authority that a machine is to believe at first contact, as a person brings it: `sha256:` and the fingerprint. */

import type { X509Certificate } from "node:crypto";
import { LuksmithError } from "../errors.ts";
import { quoteText } from "../quote.ts";
import { fingerprintOf } from "./certificate.ts";

const pinPattern = /^sha256:([0-9a-f]{64})$/i;

export function showPin(fingerprint: string): string {
  return `sha256:${fingerprint}`;
}

/** @returns the fingerprint @throws {LuksmithError} "usage" */
export function parsePin(text: string): string {
  const [, fingerprint] = pinPattern.exec(text) ?? [];
  if (fingerprint !== undefined) return fingerprint.toLowerCase();
  throw new LuksmithError("usage", `${quoteText(text)} is no fingerprint of an authority`, {
    hint: "sha256: and 64 hexadecimal digits, as luksmith fleet token create prints it",
  });
}

/** The one among them that was pinned. */
export function pinnedAmong(
  certificates: readonly X509Certificate[],
  fingerprints: readonly string[],
): X509Certificate | undefined {
  return certificates.find((certificate) => certificate.ca && fingerprints.includes(fingerprintOf(certificate)));
}
