/** A key that is to open a volume no more. */

import { LuksmithError } from "../../common/errors.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import type { Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { slotOf } from "../tools/cryptsetup.ts";
import type { LuksHeader } from "../tools/luks-header.ts";
import { KeyChange } from "../volume/key-change.ts";
import { readKey } from "../volume/key-source.ts";
import type { PinStore } from "../volume/pin.ts";
import { requireSlot, withImage } from "./slots.ts";

/** @throws {LuksmithError} "usage" for the last one, and for the agent's own */
export async function removeKeyFromVolume(
  host: Host,
  pins: PinStore,
  target: Target,
  slot: number,
  run: RunContext,
): Promise<RunResult> {
  const { volume } = target;
  const change = new KeyChange(host, pins, target);
  requireRemovable(await change.header(run.signal), slot, volume.name);
  await requireNotOwn(host, target, slot, run.signal);
  await withImage(host, target, undefined, run, async (opened) => {
    await change.finish(opened, run);
    const header = await change.header(opened.signal);
    requireRemovable(header, slot, volume.name);
    await change.make({ edit: (copy) => change.removeSlot(copy, header, slot, opened.signal) }, opened, run);
  });
  return { state: "done", summary: `slot ${slot} of volume ${volume.name} is gone, here and on ${target.remote.name}` };
}

/** Pure. */
export function requireRemovable(header: LuksHeader, slot: number, volume: string): void {
  requireSlot(header, slot, volume);
  if (header.slots.length > 1) return;
  throw new LuksmithError("usage", `slot ${slot} is the last one of volume ${volume}: nothing would open it any more`, {
    hint: `luksmith key rotate ${volume} gives it another key`,
  });
}

/** It may open two slots, of which one can go: which ends here with the one, and is refused for the last of them. */
async function requireNotOwn({ exec }: Host, { volume, headerFile }: Target, slot: number, signal: AbortSignal) {
  const key = await readKey(exec, volume.key, signal);
  try {
    if ((await slotOf(exec, { headerFile, key, slot }, signal)) === undefined) return;
  } finally {
    key.fill(0);
  }
  throw new LuksmithError("usage", `slot ${slot} is what the agent opens volume ${volume.name} with`, {
    hint: `luksmith key rotate ${volume.name} gives it another key and removes this one`,
  });
}
