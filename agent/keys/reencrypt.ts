/** Another volume key for a volume: whoever had the old one, or a header and a key from before, can read nothing new with it. */

import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import { formatBytes } from "../../common/units.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { withRelease } from "../stack/attach.ts";
import { type Connected, Stack, type Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { slotOf } from "../tools/cryptsetup.ts";
import type { LuksHeader } from "../tools/luks-header.ts";
import { KeyChange } from "../volume/key-change.ts";
import { keySourceText, readKey } from "../volume/key-source.ts";
import type { PinStore } from "../volume/pin.ts";
import { endReencryption, type NewVolumeKey, Reencryption } from "../volume/reencryption.ts";
import { noRoomForHoles, planSlots, requireOneLine, slotText } from "./reencrypt-plan.ts";
import { requireSlotOf } from "./slots.ts";

interface KeptSlot {
  readonly slot: number;
  readonly key: Uint8Array;
}

export interface ReencryptOptions {
  /** Key slots of people that are to open the volume afterwards as well; in a dry run their keys are left out. */
  readonly keep: readonly KeptSlot[];
  readonly dropOthers: boolean;
  readonly dryRun: boolean;
}

/**
 * Interrupted anywhere, the next call goes on with it, and so does the next run that writes to the volume.
 * @throws {LuksmithError} "usage", "wrong_key", "full" before anything is touched
 */
export async function reencryptVolume(
  host: Host,
  pins: PinStore,
  target: Target,
  options: ReencryptOptions,
  run: RunContext,
): Promise<RunResult> {
  const { volume, pin } = target;
  const { name } = volume;
  if (pin.pending === "reencrypt") {
    if (options.dryRun) return { state: "done", summary: `the re-encryption of volume ${name} would go on` };
    if (options.keep.length > 0) run.note("which slots stay was decided when it began");
    await endReencryption(host, pins, target, run);
    return await ended(host, pins, target, run);
  }
  if (pin.pending !== undefined) {
    throw new LuksmithError("locked", `another size for volume ${name} has begun and not ended`, {
      hint: `luksmith volume resize ${name}, and then this again`,
    });
  }
  const change = new KeyChange(host, pins, target);
  if (await change.isUnfinished()) {
    throw new LuksmithError("locked", `a change of the keys of volume ${name} has begun and not ended`, {
      hint: `luksmith volume check ${name}, and then this again`,
    });
  }
  const header = await change.header(run.signal);
  const own = await readKey(host.exec, volume.key, run.signal);
  try {
    const { key, plan } = await planKeys(host, target, header, { own, ...options }, run.signal);
    for (const slot of plan.stays) run.note(`${slotText(header, slot)} stays`);
    for (const slot of plan.goes) run.note(`${slotText(header, slot)} is given up`);
    const stack = new Stack(host, name);
    await withRelease(stack, run, async () => {
      const opened = await stack.open(target, options.dryRun ? "read" : "write", run);
      if (opened.superblock?.uuid !== pin.filesystemUuid) {
        throw new LuksmithError("tampered", "the image does not hold the file system of this volume", {
          hint: "nothing was changed; has the image been exchanged on the backup host",
        });
      }
      await requireRoom(opened, target, run);
      if (options.dryRun) return;
      const locked = await stack.lock(opened);
      const reencryption = new Reencryption(host, pins, target);
      await run.step("make another volume key", () => reencryption.begin(key, locked, run));
      await reencryption.toItsEnd(locked, run);
    });
  } finally {
    own.fill(0);
  }
  const bytes = formatBytes(pin.imageBytes - pin.dataOffsetBytes);
  if (options.dryRun) return { state: "done", summary: `volume ${name} would be re-encrypted: ${bytes}` };
  return await ended(host, pins, target, run);
}

async function planKeys(
  host: Host,
  target: Target,
  header: LuksHeader,
  { own, keep, dropOthers, dryRun }: ReencryptOptions & { own: Uint8Array },
  signal: AbortSignal,
) {
  const { name, key: source } = target.volume;
  const ownSlot = await requireSlotOf(host.exec, target, own, keySourceText(source), signal);
  const plan = planSlots(header, { own: ownSlot, keep: keep.map(({ slot }) => slot), dropOthers }, name);
  const another = source.from === "file" ? `luksmith key rotate ${name} makes one without` : "let it give one without";
  requireOneLine(own, keySourceText(source), another);
  for (const { slot, key } of dryRun ? [] : keep) {
    requireOneLine(key, `the key in slot ${slot}`, "give it up with --drop-others, and add it again afterwards");
    if ((await slotOf(host.exec, { headerFile: target.headerFile, key, slot }, signal)) !== undefined) continue;
    throw new LuksmithError("wrong_key", `what was typed for slot ${slot} of volume ${name} does not open it`, {
      hint: `luksmith key list ${name}; nothing was changed`,
    });
  }
  const keyOf = (slot: number) => (slot === ownSlot ? own : keep.find((kept) => kept.slot === slot)?.key);
  const keys = plan.stays.map(keyOf).filter((found) => found !== undefined);
  const key: NewVolumeKey = { keys, goes: plan.goes };
  return { key, plan };
}

async function requireRoom({ image, signal }: Connected, { volume, remote, pin }: Target, run: RunContext) {
  const [stat, { freeBytes }] = await Promise.all([image.stat(signal), image.room(signal)]);
  const moreBytes = Math.max(0, pin.imageBytes - (stat?.allocatedBytes ?? 0));
  const all = formatBytes(pin.imageBytes);
  run.note(`the image takes all of its ${all} on ${remote.name} afterwards: ${formatBytes(moreBytes)} more`);
  const fault = noRoomForHoles({ volume: volume.name, remote: remote.name, moreBytes, freeBytes });
  if (fault !== undefined) throw fault;
}

/** Tries it, as everything that uses the volume from now on does. */
async function ended(host: Host, pins: PinStore, { volume, ...rest }: Target, run: RunContext): Promise<RunResult> {
  const { name } = volume;
  const pin = await pins.require(name);
  const stack = new Stack(host, name);
  await withRelease(stack, run, async () => {
    const { superblock } = await stack.open({ ...rest, volume, pin }, "read", run);
    if (superblock?.uuid === pin.filesystemUuid) return;
    throw new LuksmithError("tampered", "what was re-encrypted is not what had been there", {
      hint: `luksmith volume check ${name}; has the image been exchanged on the backup host meanwhile`,
    });
  }).catch((error: unknown) => {
    run.warn(`it is re-encrypted, but does not open now: ${asLuksmithError(error).message}`);
    throw error;
  });
  run.note(
    `headers from before do not fit the volume any more, those of recovery kits among them: luksmith kit ${name}`,
  );
  run.note("copies of the image from before still open with what opened them then");
  return { state: "done", summary: `volume ${name} is encrypted with a new volume key` };
}
