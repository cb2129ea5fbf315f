/** A volume as it is listed: what the configuration says of it, and what this machine remembers. */

import { Volume } from "../../proto/gen/luksmith/v1/agent.ts";
import type { Run } from "../../proto/gen/luksmith/v1/types.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import type { PinStore } from "./pin.ts";
import { wantedBytes } from "./size-plan.ts";
import { findVolume } from "./target.ts";

export async function describeVolume(
  config: AgentConfig,
  pins: PinStore,
  name: string,
  heldBy: Run | undefined,
): Promise<Volume> {
  const { volume } = findVolume(config, name);
  const pin = await pins.read(name);
  return Volume.create({
    name,
    remote: volume.remote,
    image: volume.image,
    filesystem: volume.filesystem,
    configuredSize: wantedBytes(volume, pin),
    size: pin?.imageBytes ?? 0,
    created: pin !== undefined,
    luksUuid: pin?.luksUuid ?? "",
    generation: pin?.generation ?? 0,
    jobs: [...config.jobs.values()].filter((job) => job.volume === name).map((job) => job.name),
    heldBy,
    unclean: (pin?.unclean ?? false) && heldBy === undefined,
  });
}
