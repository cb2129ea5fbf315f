import { join } from "node:path";
import { LuksmithError } from "../../../common/errors.ts";
import { escapeControls } from "../../../common/quote.ts";
import { formatBytes } from "../../../common/units.ts";
import { version } from "../../../common/version.ts";
import type { RemoteFinding } from "../../../proto/gen/luksmith/v1/agent.ts";
import type { ProbeResponse } from "../../../proto/gen/luksmith/v1/helper.ts";
import { HelperSession } from "../../helper-session/helper-session.ts";
import { NoHelperError } from "../../helper-session/no-helper.ts";
import { HelperMemory } from "../../transport/helper-memory.ts";
import { no, off, ok } from "./finding.ts";
import type { Trial } from "./trial.ts";

/** What the helper there says that it can do. Without one there is SFTP, which is enough. */
export async function helperThere(trial: Trial, signal: AbortSignal): Promise<RemoteFinding[]> {
  const { host, remote, directory } = trial;
  const session = new HelperSession(host, remote, {
    sshConfigFile: join(directory, "helper.conf"),
    sshSocket: join(directory, "ssh.sock"),
    helperSocket: join(directory, "helper.sock"),
  });
  try {
    await session.begin(signal);
    const can = await session.greet(signal, true);
    // one that has been set up a moment ago is used from the next run on
    await new HelperMemory(host.stateDir, remote.name)
      .oneAnswered()
      .catch((err: unknown) => host.log.warn({ err }, "that a helper answers is not remembered"));
    return whatItCan(can, remote.name);
  } catch (error) {
    if (error instanceof NoHelperError) {
      const message = `none answers, so images go over SFTP (sshfs) alone: ${escapeControls(error.message)}`;
      return [off("helper", message, `luksmith remote setup ${remote.name} installs one`)];
    }
    if (!(error instanceof LuksmithError)) throw error;
    // whatever it is, it is written down over there
    const hint = error.code === "internal" ? "on the backup host: /var/log/luksmith-helper.log" : error.hint;
    return [no("helper", error.message, hint ?? `luksmith remote setup ${remote.name}`)];
  } finally {
    await session.end();
  }
}

/** Pure. */
export function whatItCan(can: ProbeResponse, name: string): RemoteFinding[] {
  const setup = `luksmith remote setup ${name}`;
  const theirs = escapeControls(can.version);
  const limit = can.maxImageBytes === 0 ? "" : `, images of ${formatBytes(can.maxImageBytes)} at most`;
  const feature = (subject: string, isThere: boolean, yes: string, whyNot: string, hint: string) =>
    isThere ? ok(subject, yes) : off(subject, escapeControls(whyNot), hint);
  return [
    can.version === version
      ? ok("helper", `version ${version}, as here`)
      : off("helper", `version ${theirs}, and ${version} here`, `${setup} brings it to this one`),
    can.nbdServerVersion === ""
      ? no("nbd-server", "cannot be started there", `${setup} installs it`)
      : ok("nbd-server", `version ${escapeControls(can.nbdServerVersion)}`),
    feature(
      "discarding",
      can.punchesHoles,
      "what is removed from a volume is given back to the storage",
      can.noHolesReason,
      "another file system there: ext4, xfs and btrfs can",
    ),
    feature(
      "checkpoints",
      can.makesCheckpoints,
      "copies of images are kept out of this machine's reach",
      can.noCheckpointsReason,
      `on storage with reflinks (btrfs, or xfs): ${setup} --checkpoints DIR`,
    ),
    feature(
      "direct",
      can.allowsDirect,
      "images may go over TCP beside the tunnel",
      can.noDirectReason,
      `only where nobody can listen between here and there: ${setup} --trusted-wire`,
    ),
    can.noDataReason === ""
      ? ok("room", `${formatBytes(can.freeBytes)} free${limit}`)
      : no(
          "room",
          `${escapeControls(can.noDataReason)}${limit}`,
          "room on its storage, or a larger quota for this user",
        ),
  ];
}
