/** The key slots of a volume, as its pinned header has them. */

import { toErrorDetail } from "../../common/error-wire.ts";
import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import { KeySlot_Role, type ListKeysResponse } from "../../proto/gen/luksmith/v1/agent.ts";
import type { Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { dumpHeader, slotOf } from "../tools/cryptsetup.ts";
import { parseLuksHeader, type SlotRole } from "../tools/luks-header.ts";
import { KeyChange } from "../volume/key-change.ts";
import { keySourceText, readKey } from "../volume/key-source.ts";
import type { PinStore } from "../volume/pin.ts";

const roles: Readonly<Record<SlotRole, KeySlot_Role>> = {
  recovery: KeySlot_Role.RECOVERY,
  added: KeySlot_Role.ADDED,
};

export async function listKeys(
  host: Host,
  pins: PinStore,
  target: Target,
  signal: AbortSignal,
): Promise<ListKeysResponse> {
  const { volume, headerFile, pin } = target;
  const { slots } = parseLuksHeader(await dumpHeader(host.exec, headerFile, signal));
  const own = await ownSlot(host, target, signal).catch((error: unknown) => asLuksmithError(error));
  return {
    slots: slots.map(({ slot, kdf, role, addedAt }) => ({
      slot,
      role: role === undefined ? KeySlot_Role.UNKNOWN : roles[role],
      agents: slot === own,
      kdf,
      addedAt,
    })),
    source: volume.key.from,
    sourceText: keySourceText(volume.key),
    fault: own instanceof LuksmithError ? toErrorDetail(own) : undefined,
    unfinished: await new KeyChange(host, pins, target).isUnfinished(),
    reencrypting: pin.pending === "reencrypt",
  };
}

/** @throws {LuksmithError} "wrong_key" when it opens none */
async function ownSlot({ exec }: Host, { volume, headerFile }: Target, signal: AbortSignal): Promise<number> {
  const key = await readKey(exec, volume.key, signal);
  try {
    const slot = await slotOf(exec, { headerFile, key }, signal);
    if (slot !== undefined) return slot;
  } finally {
    key.fill(0);
  }
  throw new LuksmithError("wrong_key", `no key slot opens with ${keySourceText(volume.key)}`);
}
