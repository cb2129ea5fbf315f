/** What sshd is told of a machine's user: twice, in its configuration and beside the key, since either alone would do. */

import { gatePath, keysDirectory } from "../paths.ts";

/** @param directory of letters, digits and / _ . + @ = - alone */
function forcedCommand(directory: string): string {
  return `${gatePath} ${directory}`;
}

/** @param publicKey "ssh-ed25519 AAAA..." */
export function authorizedKeysText(directory: string, publicKey: string): string {
  return `restrict,command="${forcedCommand(directory)}" ${publicKey}\n`;
}

/** The key is looked for where the user cannot write, and the gate is all that is started for whoever has it. */
export function sshdText(machine: string, directory: string): string {
  return `# luksmith remote setup: what the key of ${machine} can do
Match User ${machine}
    AuthorizedKeysFile ${keysDirectory}/%u
    AuthorizedKeysCommand none
    AuthenticationMethods publickey
    PubkeyAuthentication yes
    PasswordAuthentication no
    KbdInteractiveAuthentication no
    ForceCommand ${forcedCommand(directory)}
    DisableForwarding yes
    PermitTTY no
    PermitUserRC no
    PermitTunnel no
`;
}
