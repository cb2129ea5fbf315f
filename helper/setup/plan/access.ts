/** The ways in: sshd, the key, sudo. */

import type { SetupRequest } from "../../../common/setup-request.ts";
import type { Found } from "../observe/found.ts";
import { gatePath, keyFile, keysDirectory, sshdDirectory, sshdFile, sudoersDirectory, sudoersFile } from "../paths.ts";
import type { Plan, Step } from "../step.ts";
import { authorizedKeysText, sshdText } from "../text/ssh.ts";
import { sudoersText } from "../text/sudoers.ts";
import { wantDirectory, wantFile } from "./want.ts";

const unread = { what: "unread", of: null } as const;

/** In an order in which the key can at no time do more than in the end: what confines it is there before it is. */
export function planAccess(found: Found, { machine, publicKey }: SetupRequest, directory: string): Plan {
  const confine = [
    ...wantDirectory(found, null, sshdDirectory, 0o755),
    ...wantFile(found, {
      of: machine,
      path: sshdFile(machine),
      content: sshdText(machine, directory),
      mode: 0o644,
      says: `tell sshd that whoever comes as ${machine} gets the gate, and nothing else`,
      check: "sshd",
    }).map((step): Step => ({ ...step, registers: [unread, ...(step.registers ?? [])] })),
  ];
  const reload = planReload(found, confine.length > 0);
  const steps = [
    ...confine,
    ...reload.steps,
    ...wantDirectory(found, null, sudoersDirectory, 0o750),
    ...wantFile(found, {
      of: machine,
      path: sudoersFile(machine),
      content: sudoersText(machine),
      mode: 0o440,
      says: `let ${machine} start a session of the helper by sudo`,
      check: "sudo",
    }),
    ...wantDirectory(found, null, keysDirectory, 0o755),
    ...wantFile(found, {
      of: machine,
      path: keyFile(machine),
      content: authorizedKeysText(directory, publicKey),
      mode: 0o644,
      says: `let the machine's key in, as ${machine}`,
    }),
    tryGate(machine, directory),
  ];
  return { steps, notes: reload.notes };
}

/** The whole way of an SFTP session but sshd, as the machine's user. */
function tryGate(machine: string, directory: string): Step {
  return {
    says: "the sandbox of the machine's SFTP can be made",
    looks: true,
    action: {
      kind: "command",
      argv: [gatePath, directory],
      env: { SSH_ORIGINAL_COMMAND: "internal-sftp" },
      asUser: machine,
      hint: "bubblewrap needs user namespaces: sysctl kernel.unprivileged_userns_clone=1, and on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0",
    },
  };
}

/** @param changed its configuration has just been written; one that an earlier setup did not come to is made up for */
export function planReload(found: Found, changed: boolean): Plan {
  const isUnread = found.manifest.made.some(({ what }) => what === "unread");
  if (!changed && !isUnread) return { steps: [], notes: [] };
  if (found.sshd === undefined) {
    return {
      steps: [],
      notes: ["no sshd is seen to run here: whatever starts it, it has to be started again to read what is new"],
    };
  }
  const argv = "unit" in found.sshd ? ["systemctl", "reload", found.sshd.unit] : ["kill", "-HUP", `${found.sshd.pid}`];
  return {
    steps: [{ says: "have sshd read its configuration again", action: { kind: "command", argv }, strikes: [unread] }],
    notes: [],
  };
}
