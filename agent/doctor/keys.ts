/** Key files, ssh keys and pinned headers: there, and for root's eyes alone. */

import { constants } from "node:fs";
import { access, lstat } from "node:fs/promises";
import { asLuksmithError, hasErrno } from "../../common/errors.ts";
import { readIfThere } from "../../common/if-there.ts";
import type { Finding } from "../../proto/gen/luksmith/v1/agent.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import type { KeySource } from "../config/volume.ts";
import { keyFileFault } from "../volume/key-file.ts";
import { credentialPath, keySourceText } from "../volume/key-source.ts";
import type { PinStore } from "../volume/pin.ts";
import { ok, problem, warning } from "./finding.ts";

export async function examineKeys(config: AgentConfig, pins: PinStore): Promise<Finding[]> {
  const volumes = [...config.volumes.values()].map(async (volume) => {
    const subject = `volume ${volume.name}`;
    const pin = await pins.read(volume.name).catch((error: Error) => error);
    if (pin instanceof Error) return [problem(subject, pin.message, "put the state directory back from a backup")];
    if (pin === undefined) {
      return [warning(subject, "has not been created yet", `luksmith volume create ${volume.name}`)];
    }
    const key = await examineKey(`key of ${subject}`, volume.key);
    const header = await examineSecret(
      `header of ${subject}`,
      pins.headerFile(volume.name),
      "put the state directory back from a backup",
    );
    const unfinished = (await readIfThere(pins.keyChangeFile(volume.name))) !== undefined;
    const change = warning(subject, "a change of its keys is not finished", `luksmith volume check ${volume.name}`);
    const half = warning(subject, "its re-encryption has not ended", `luksmith key reencrypt ${volume.name}`);
    return [key, header, ...(unfinished ? [change] : []), ...(pin.pending === "reencrypt" ? [half] : [])];
  });
  const remotes = [...config.remotes.values()].map(async (remote) => [
    await examineSecret(
      `ssh key of remote ${remote.name}`,
      remote.identity,
      `ssh-keygen -t ed25519 -N '' -f ${remote.identity}`,
    ),
  ]);
  return (await Promise.all([...volumes, ...remotes])).flat();
}

async function examineKey(subject: string, key: KeySource): Promise<Finding> {
  switch (key.from) {
    case "file":
      return examineSecret(subject, key.path, "put it back from where you keep its copy");
    case "command": {
      const [program] = key.argv;
      // not run: it may have to ask somebody
      const isThere = await access(program, constants.X_OK).then(
        () => true,
        () => false,
      );
      return isThere
        ? ok(subject, keySourceText(key))
        : problem(subject, `${program} cannot be run`, "it is to print the key");
    }
    case "credential":
      try {
        return await examineSecret(subject, credentialPath(key.name), "systemctl restart luksmith-agent");
      } catch (error) {
        const { message, hint = "" } = asLuksmithError(error);
        return problem(subject, message, hint);
      }
  }
}

async function examineSecret(subject: string, path: string, whenMissing: string): Promise<Finding> {
  try {
    const fault = keyFileFault(path, await lstat(path), process.getuid?.() ?? 0);
    return fault === undefined ? ok(subject, path) : problem(subject, fault.message, fault.hint ?? "");
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENOTDIR")) return problem(subject, `${path} is not there`, whenMissing);
    throw error;
  }
}
