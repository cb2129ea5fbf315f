/**
 * Which key slots of a volume have the new volume key after a re-encryption. A slot's key has to be given for that: without it
 * nothing can be put into the slot. Pure.
 */

import { LuksmithError } from "../../common/errors.ts";
import { formatBytes, plural } from "../../common/units.ts";
import type { LuksHeader } from "../tools/luks-header.ts";
import { isOneLine } from "../tools/reencrypt.ts";
import { requireSlot } from "./slots.ts";

export interface SlotPlan {
  /** By number, the agent's own among them. */
  readonly stays: readonly number[];
  readonly goes: readonly number[];
}

/**
 * @param asked.own the slot that the agent's key opens
 * @param asked.keep those that others' keys are given of
 * @throws {LuksmithError} "usage" when slots would be lost that nobody has spoken of
 */
export function planSlots(
  header: LuksHeader,
  asked: { readonly own: number; readonly keep: readonly number[]; readonly dropOthers: boolean },
  volume: string,
): SlotPlan {
  for (const slot of asked.keep) requireSlot(header, slot, volume);
  const numbers = header.slots.map(({ slot }) => slot);
  const stays = numbers.filter((slot) => slot === asked.own || asked.keep.includes(slot));
  const goes = numbers.filter((slot) => !stays.includes(slot));
  if (goes.length > 0 && !asked.dropOthers) {
    const lost = goes.map((slot) => slotText(header, slot)).join(", ");
    const keep = goes.map((slot) => `--keep ${slot}`).join(" ");
    throw new LuksmithError(
      "usage",
      `volume ${volume} has ${plural(goes.length, "more key slot")}, which would open it no more: ${lost}`,
      {
        hint: `luksmith key reencrypt ${volume} ${keep} asks for what opens them; --drop-others gives up those that are not named`,
      },
    );
  }
  return { stays, goes };
}

/** "slot 1 (a recovery passphrase)" */
export function slotText({ slots }: LuksHeader, slot: number): string {
  const role = slots.find((found) => found.slot === slot)?.role;
  const whose = role === "recovery" ? " (a recovery passphrase)" : role === "added" ? " (added by somebody)" : "";
  return `slot ${slot}${whose}`;
}

/** @param what such as "the key in slot 2" @throws {LuksmithError} "usage" */
export function requireOneLine(key: Uint8Array, what: string, hint: string): void {
  if (isOneLine(key)) return;
  throw new LuksmithError("usage", `${what} holds a line break, and cryptsetup takes none here`, { hint });
}

/**
 * What was a hole in the image is data afterwards, like everything else.
 * @param wanted.freeBytes undefined: the host does not say
 * @returns why there is no room for it; undefined when there is, as far as is known
 */
export function noRoomForHoles(wanted: {
  readonly volume: string;
  readonly remote: string;
  readonly moreBytes: number;
  readonly freeBytes: number | undefined;
}): LuksmithError | undefined {
  const { volume, remote, moreBytes, freeBytes } = wanted;
  if (freeBytes === undefined || moreBytes <= freeBytes) return undefined;
  const takes = `would take ${formatBytes(moreBytes)} more on ${remote}, which has ${formatBytes(freeBytes)} left`;
  return new LuksmithError("full", `a re-encrypted image has no holes: that of volume ${volume} ${takes}`, {
    hint: `make room there, or make the volume smaller: luksmith volume resize ${volume} --dry-run`,
  });
}
