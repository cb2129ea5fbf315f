/** Loop devices of a volume: of its placeholder, and of an image that is a file. */

import { LuksmithError } from "../../common/errors.ts";
import { waitUntil } from "../../common/wait-until.ts";
import { type LoopDevice, loopDevices } from "../system/block-devices.ts";
import type { Host } from "../system/host.ts";
import { detachLoop } from "../tools/losetup.ts";

const goneDeadlineMs = 10_000;

/** Lets go of every loop device that is ours, and waits until they are gone. */
export async function releaseLoops(host: Host, volume: string, isOurs: (loop: LoopDevice) => boolean): Promise<void> {
  const ours = async () => (await loopDevices()).filter(isOurs);
  for (const loop of await ours()) await detachLoop(host.exec, loop.path);
  // detaching one that is still in use succeeds and takes effect later (LO_FLAGS_AUTOCLEAR)
  if (!(await waitUntil(host.clock, goneDeadlineMs, async () => (await ours()).length === 0))) {
    throw new LuksmithError("tool_failed", `a loop device of volume ${volume} is still in use`, {
      hint: "losetup --list",
    });
  }
}
