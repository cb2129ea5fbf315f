/** A shrink that was broken off while its blocks were written down is ended before another size is given. */

import type { RunContext } from "../runs/context.ts";
import { withVolume } from "../stack/attach.ts";
import type { Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import type { PinStore } from "./pin.ts";

/** @returns with what is pinned now: whoever has the volume attached for writing has ended it */
export async function endMoving(host: Host, pins: PinStore, target: Target, run: RunContext): Promise<Target> {
  if (target.pin.pending !== "merge") return target;
  const attach = { mode: "write", acceptRollback: false } as const;
  await withVolume(host, pins, target, attach, run, () => Promise.resolve());
  return { ...target, pin: await pins.require(target.volume.name) };
}
