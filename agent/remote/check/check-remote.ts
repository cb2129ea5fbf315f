/** What the machine's key can do at a backup host, found by trying it. */

import type { RemoteFinding } from "../../../proto/gen/luksmith/v1/agent.ts";
import type { RemoteConfig } from "../../config/remote.ts";
import type { Host } from "../../system/host.ts";
import { hasShell, hasTerminal, runsCommands } from "./commands.ts";
import { forwardsIn, forwardsOut, forwardsX11 } from "./forwarding.ts";
import { helperThere } from "./helper.ts";
import { altersOwnKey } from "./own-key.ts";
import { sftpInside } from "./sftp-inside.ts";
import { sftpOutside } from "./sftp-outside.ts";
import { Trial } from "./trial.ts";

/** @throws {LuksmithError} "unreachable", "refused" when it does not come to any trial */
export async function checkRemote(host: Host, remote: RemoteConfig, signal: AbortSignal): Promise<RemoteFinding[]> {
  await using trial = await Trial.begin(host, remote, signal);
  const inside = await sftpInside(trial, signal);
  // an sshd takes some ten connections at a time that have not said yet who they are, and drops of more (MaxStartups)
  const [outside, ...commands] = await Promise.all([
    sftpOutside(trial),
    runsCommands(trial),
    hasShell(trial),
    hasTerminal(trial),
  ]);
  const [ways, ...rest] = await Promise.all([
    forwardsIn(trial),
    forwardsOut(trial),
    forwardsX11(trial),
    altersOwnKey(trial),
  ]);
  const helper = await helperThere(trial, signal);
  return [inside, outside, ...commands, ...rest.slice(0, 1), ...ways, ...rest.slice(1), ...helper];
}
