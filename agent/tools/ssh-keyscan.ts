/** ssh-keyscan(1): the host keys a server offers. They are unauthenticated until a person has compared a fingerprint. */

import { createHash } from "node:crypto";
import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords } from "../../common/exec.ts";

export interface HostKey {
  /** "ssh-ed25519" */
  readonly type: string;
  /** The key itself, base64. */
  readonly blob: string;
  /** "SHA256:..." as OpenSSH prints it: base64 without padding of the digest of the blob (RFC 4648). */
  readonly fingerprint: string;
}

const timeoutSeconds = 10;
/** Best first; the order in which they are shown and offered for trust. */
const preferredTypes = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"];

/** @throws {LuksmithError} "unreachable" when it offers none */
export async function scanHostKeys(exec: Exec, host: string, port: number, signal: AbortSignal): Promise<HostKey[]> {
  const args = ["-T", `${timeoutSeconds}`, "-p", `${port}`, "-t", "ed25519,ecdsa,rsa", "--", host];
  const finished = await exec({ file: "ssh-keyscan", args, deadlineMs: (timeoutSeconds + 10) * 1000, signal });
  const keys = parseKnownHosts(finished.stdout.toString("latin1"));
  if (keys.length === 0) {
    const why = finished.stderr.trim() === "" ? "" : `: ${lastWords(finished)}`;
    throw new LuksmithError("unreachable", `${host}:${port} offers no host key${why}`, {
      hint: "is it up, and does ssh listen there",
    });
  }
  return keys;
}

/** Lines of `NAME TYPE BLOB`, as in sshd(8), SSH_KNOWN_HOSTS FILE FORMAT; others are passed over. */
export function parseKnownHosts(text: string): HostKey[] {
  const keys = text.split("\n").flatMap((line) => {
    const [name, type, blob] = line.trim().split(/\s+/);
    if (name === undefined || name.startsWith("#") || name.startsWith("@") || type === undefined) return [];
    if (blob === undefined || !preferredTypes.includes(type) || !/^[A-Za-z0-9+/]+=*$/.test(blob)) return [];
    const digest = createHash("sha256").update(Buffer.from(blob, "base64")).digest("base64");
    return [{ type, blob, fingerprint: `SHA256:${digest.replace(/=+$/, "")}` }];
  });
  return keys.sort((a, b) => preferredTypes.indexOf(a.type) - preferredTypes.indexOf(b.type));
}
