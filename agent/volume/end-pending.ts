/** A shrink that was broken off is ended before another size is given. */

import type { RunContext } from "../runs/context.ts";
import { withVolume } from "../stack/attach.ts";
import type { Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { cutImage } from "./cut-image.ts";
import type { PinStore } from "./pin.ts";

/** @returns with what is pinned now */
export async function endPending(host: Host, pins: PinStore, target: Target, run: RunContext): Promise<Target> {
  const { pending } = target.pin;
  // whoever has the volume attached for writing ends it
  const attach = { mode: "write", acceptRollback: false } as const;
  if (pending === "merge") await withVolume(host, pins, target, attach, run, () => Promise.resolve());
  else if (pending === "truncate") await cutImage(host, pins, target, run);
  else return target;
  return { ...target, pin: await pins.require(target.volume.name) };
}
