/** The machine's public key for a remote, as it stands in authorized_keys: type and key, without the comment. */

import { LuksmithError } from "../../common/errors.ts";
import { type Exec, mustRead } from "../../common/exec.ts";
import { readIfThere } from "../../common/if-there.ts";
import type { RemoteConfig } from "../config/remote.ts";

const deadlineMs = 10_000;

/** @throws {LuksmithError} "refused" when there is none */
export async function publicKeyOf(exec: Exec, { identity }: RemoteConfig): Promise<string> {
  const text = await readIfThere(`${identity}.pub`);
  // the private key has it in it, too
  const line = text ?? (await derived(exec, identity));
  const [type = "", blob = ""] = line.trim().split(/\s+/);
  if (/^[a-z0-9@.-]+$/.test(type) && /^[A-Za-z0-9+/]{40,}=*$/.test(blob)) return `${type} ${blob}`;
  throw new LuksmithError("refused", `${identity}.pub is no public key`, {
    hint: `ssh-keygen -y -f ${identity} > ${identity}.pub`,
  });
}

async function derived(exec: Exec, identity: string): Promise<string> {
  try {
    return (
      await mustRead(exec, { file: "ssh-keygen", args: ["-y", "-P", "", "-f", identity], deadlineMs })
    ).toString();
  } catch (cause) {
    throw new LuksmithError("refused", `the ssh key ${identity} cannot be used`, {
      hint: `make one: ssh-keygen -t ed25519 -N '' -f ${identity}`,
      cause,
    });
  }
}
