import { launcherPath } from "../paths.ts";

/**
 * The machine's user may start one session of the helper, as root, and give it nothing but its bytes: no other word on the command
 * line, and of the environment only what sshd has said of the connection. Those bytes are no terminal's (use_pty would make them
 * one's), and not to be recorded.
 */
export function sudoersText(machine: string): string {
  return `# luksmith remote setup: the helper's sessions of ${machine}
Defaults!${launcherPath} env_reset, env_keep = "SSH_CONNECTION", !requiretty, !use_pty, !log_input, !log_output
${machine} ALL=(root) NOPASSWD: ${launcherPath} serve
`;
}
