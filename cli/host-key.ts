/** Which host key to trust: decided from what the backup host offers, what is trusted, and what was asked for. */

import { LuksmithError } from "../common/errors.ts";
import { escapeControls, quoteText } from "../common/quote.ts";
import type { HostKey, ScanRemoteResponse } from "../proto/gen/luksmith/v1/agent.ts";

export interface TrustRequest {
  /** Empty when a person is to be asked. */
  readonly fingerprint: string;
  readonly replace: boolean;
}

export type TrustPlan =
  | { readonly do: "nothing"; readonly key: HostKey }
  | { readonly do: "trust"; readonly key: HostKey; readonly replace: boolean }
  | { readonly do: "ask"; readonly key: HostKey; readonly replace: boolean };

/** The strongest first; what is not named comes last. */
const preferred = ["ssh-ed25519", "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp256", "ssh-rsa"];

/** SHA-256 in base64 without its padding, as OpenSSH prints it (ssh-keygen(1) -l). */
const fingerprintPattern = /^SHA256:[A-Za-z0-9+/]{43}$/;

/** @throws {LuksmithError} "usage" */
export function fingerprint(text: string): string {
  const plain = text.replace(/=$/, "");
  if (fingerprintPattern.test(plain)) return plain;
  throw new LuksmithError("usage", `${quoteText(text)} is not a fingerprint`, {
    hint: "on the backup host, `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints it: SHA256:...",
  });
}

/** @throws {LuksmithError} "unreachable" when nothing is offered, "refused" when what is offered is not what was asked for or trusted */
export function planTrust(scan: ScanRemoteResponse, request: TrustRequest): TrustPlan {
  const { trusted } = scan;
  const offered = byPreference(scan.offered);
  const first = offered[0];
  if (first === undefined) {
    throw new LuksmithError("unreachable", `${remoteText(scan)} offers no host key`, {
      hint: "is sshd running there?",
    });
  }
  const isTrusted = (key: HostKey) => trusted.some((other) => sameKey(key, other));

  if (request.fingerprint !== "") {
    const key = offered.find((other) => other.fingerprint === request.fingerprint);
    if (key === undefined) {
      const list = offered.map(keyText).join(", ");
      throw new LuksmithError("refused", `${remoteText(scan)} offers ${list}, not ${request.fingerprint}`, {
        hint: "another host answers there, or the fingerprint is of another one: do not go on before you know which",
      });
    }
    if (isTrusted(key)) return { do: "nothing", key };
    if (trusted.length > 0 && !request.replace) throw keyChanged(scan, key);
    return { do: "trust", key, replace: request.replace };
  }

  const still = offered.find(isTrusted);
  if (still !== undefined) return { do: "nothing", key: still };
  if (trusted.length > 0 && !request.replace) throw keyChanged(scan, first);
  return { do: "ask", key: first, replace: request.replace };
}

/** The key that ssh would choose first. */
export function byPreference(keys: readonly HostKey[]): HostKey[] {
  return keys.toSorted((one, other) => rank(one) - rank(other));
}

function keyChanged(scan: ScanRemoteResponse, key: HostKey): LuksmithError {
  const old = scan.trusted.map(keyText).join(", ");
  return new LuksmithError(
    "refused",
    `the host key of ${remoteText(scan)} is not the trusted one: trusted ${old}, offered ${keyText(key)}`,
    {
      hint: `somebody may be in between; if the host has a new key for a reason that you know, add --replace`,
    },
  );
}

function rank(key: HostKey): number {
  const index = preferred.indexOf(key.type);
  return index === -1 ? preferred.length : index;
}

function sameKey(one: HostKey, other: HostKey): boolean {
  return one.type === other.type && one.fingerprint === other.fingerprint;
}

/** "SHA256:... (ED25519)", as ssh-keygen -l prints it. */
export function keyText(key: HostKey): string {
  return `${escapeControls(key.fingerprint)} (${keyTypeText(key.type)})`;
}

function keyTypeText(type: string): string {
  if (type.startsWith("ecdsa-")) return "ECDSA";
  return escapeControls(type.replace(/^ssh-/, "").toUpperCase());
}

/** "vault (backup.example.net port 22)" */
export function remoteText(scan: ScanRemoteResponse): string {
  return `${escapeControls(scan.remote)} (${escapeControls(scan.host)} port ${scan.port})`;
}
