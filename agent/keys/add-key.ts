/** Another way into a volume. */

import type { RunContext, RunResult } from "../runs/context.ts";
import type { Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import type { SlotRole } from "../tools/luks-header.ts";
import { KeyChange } from "../volume/key-change.ts";
import { readKey } from "../volume/key-source.ts";
import type { PinStore } from "../volume/pin.ts";
import { addSlot, requireNewKey, withImage } from "./slots.ts";

/** @throws {LuksmithError} "exists" when the key opens the volume already */
export async function addKeyToVolume(
  host: Host,
  pins: PinStore,
  target: Target,
  { newKey, role }: { newKey: Uint8Array; role: SlotRole },
  run: RunContext,
): Promise<RunResult> {
  const { volume } = target;
  const change = new KeyChange(host, pins, target);
  await change.header(run.signal);
  await requireNewKey(host.exec, target, newKey, run.signal);
  const slot = await withImage(host, target, undefined, run, async (opened) => {
    await change.finish(opened, run);
    // it may be another one now
    const key = await readKey(host.exec, volume.key, opened.signal);
    let added = -1;
    const edit = async (copy: string) => {
      added = await addSlot(host, target, copy, { key, newKey, role }, opened.signal);
    };
    await change.make({ edit }, opened, run).finally(() => key.fill(0));
    return added;
  });
  return { state: "done", summary: `volume ${volume.name} has a new key in slot ${slot}` };
}
