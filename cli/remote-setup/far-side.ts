/** What the backup host is, as far as a setup needs to know before it sends anything. Pure but for asking. */

import { isIP } from "node:net";
import { LuksmithError } from "../../common/errors.ts";
import { quoteText } from "../../common/quote.ts";
import type { AdminSsh } from "./admin-ssh.ts";

/** How the administrator comes to be root there. */
type Rights = "root" | "sudo" | "password";

export interface FarSide {
  /** As uname(1) has it: "Linux", "x86_64". */
  readonly system: string;
  readonly hardware: string;
  readonly rights: Rights;
  /** Of this connection, as sshd there sees it; undefined when it does not say. */
  readonly clientAddress: string | undefined;
  readonly serverAddress: string | undefined;
  /** SHA-256 of the Node that an earlier setup has installed. */
  readonly node: string | undefined;
}

/** One line each. Constant; whatever shell the administrator has there knows single quotes. */
const question = `sh -c 'uname -sm; echo "\${SSH_CONNECTION:-}"; if [ "$(id -u)" = 0 ]; then echo root; elif sudo -n true 2>/dev/null; then echo sudo; elif command -v sudo >/dev/null; then echo password; else echo none; fi; sha256sum /usr/local/lib/luksmith/node 2>/dev/null | cut -c 1-64; echo end'`;

export async function askFarSide(ssh: AdminSsh, signal: AbortSignal): Promise<FarSide> {
  const { exitCode, stdout } = await ssh.run(question, { signal });
  if (exitCode === 0) return parseFarSide(stdout, ssh.destination);
  throw new LuksmithError("denied", `${ssh.destination} runs no commands for you (exit code ${exitCode})`, {
    hint: "setting up needs somebody who administers that host: --admin USER@HOST",
  });
}

/** @throws {LuksmithError} "refused" when it is no host for a helper, "denied" when there is no way to be root */
export function parseFarSide(said: string, destination: string): FarSide {
  const lines = said.split("\n");
  const [uname = "", connection = "", rights = "", ...rest] = lines;
  const [system = "", hardware = "", ...more] = uname.split(" ");
  if (hardware === "" || more.length > 0 || !rest.includes("end")) {
    throw new LuksmithError("refused", `${destination} answers ${quoteText(said)}, which is not what was asked`, {
      hint: "does the login shell there print something of its own? It has to be silent for commands",
    });
  }
  if (system !== "Linux") {
    throw new LuksmithError("refused", `${destination} runs ${quoteText(system)}: the helper needs Linux`, {
      hint: "without it backups go over SFTP, which needs nothing there but a user and its key",
    });
  }
  if (rights !== "root" && rights !== "sudo" && rights !== "password") {
    throw new LuksmithError("denied", `${destination} is not root there, and there is no sudo`, {
      hint: "--admin root@HOST",
    });
  }
  const [client, , server] = connection.split(" ");
  const node = rest.find((line) => /^[0-9a-f]{64}$/.test(line));
  return { system, hardware, rights, node, clientAddress: address(client), serverAddress: address(server) };
}

function address(text: string | undefined): string | undefined {
  return text !== undefined && isIP(text) !== 0 && !text.includes("%") ? text : undefined;
}
