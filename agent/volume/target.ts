/** From a name that somebody typed to what is needed to work on it. */

import { LuksmithError } from "../../common/errors.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import type { JobConfig } from "../config/job.ts";
import type { RemoteConfig } from "../config/remote.ts";
import type { VolumeConfig } from "../config/volume.ts";
import type { Target } from "../stack/stack.ts";
import type { PinStore } from "./pin.ts";

export function findRemote(config: AgentConfig, name: string): RemoteConfig {
  return find(config.remotes, "remote", name);
}

export function findVolume(config: AgentConfig, name: string): { volume: VolumeConfig; remote: RemoteConfig } {
  const volume = find(config.volumes, "volume", name);
  return { volume, remote: findRemote(config, volume.remote) };
}

export function findJob(config: AgentConfig, name: string): JobConfig {
  return find(config.jobs, "job", name);
}

/** @throws {LuksmithError} "not_found" when the volume has not been created on this machine */
export async function targetOf(config: AgentConfig, pins: PinStore, name: string): Promise<Target> {
  const { volume, remote } = findVolume(config, name);
  return { volume, remote, pin: await pins.require(name), headerFile: pins.headerFile(name) };
}

function find<T>(all: ReadonlyMap<string, T>, kind: string, name: string): T {
  const found = all.get(name);
  if (found !== undefined) return found;
  const known = [...all.keys()].join(", ") || "none";
  throw new LuksmithError("not_found", `there is no ${kind} ${JSON.stringify(name)} in the configuration`, {
    hint: `known: ${known}`,
  });
}
