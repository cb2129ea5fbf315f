/** What the verbs about keys share: the image reached, and a slot added to a header. */

import { LuksmithError } from "../../common/errors.ts";
import type { Exec } from "../../common/exec.ts";
import type { RunContext } from "../runs/context.ts";
import { withRelease } from "../stack/attach.ts";
import { type Opened, Stack, type Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { addKey, addToken, dumpHeader, slotOf } from "../tools/cryptsetup.ts";
import { type LuksHeader, parseLuksHeader, type SlotRole, slotToken } from "../tools/luks-header.ts";

/** The header lies with a host that nobody has to trust, who may try keys for years. A passphrase that we make has 35. */
const leastKeyBytes = 12;

/** Pure. @throws {LuksmithError} "usage" */
export function requireGoodKey(key: Uint8Array, volume: string): void {
  if (key.length >= leastKeyBytes) return;
  const how = key.length === 0 ? "is empty" : `has fewer than ${leastKeyBytes} characters`;
  throw new LuksmithError("usage", `the new key ${how}: the backup host can try as many as it likes`, {
    hint: `luksmith key add ${volume} --generate makes one that nobody guesses`,
  });
}

/** Brings up everything but the mount: the image is reserved, and can be written to. @param key instead of the volume's own */
export function withImage<T>(
  host: Host,
  target: Target,
  key: Uint8Array | undefined,
  run: RunContext,
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  const stack = new Stack(host, target.volume.name);
  return withRelease(stack, run, async () => work(await stack.open(target, "write", run, { key })));
}

export interface NewSlot {
  /** One that opens the header already. */
  readonly key: Uint8Array;
  readonly newKey: Uint8Array;
  readonly role: SlotRole;
}

/** @returns its number @throws {LuksmithError} "tool_failed" unless both keys open the header afterwards */
export async function addSlot(
  { exec, clock }: Host,
  { volume }: Target,
  headerFile: string,
  { key, newKey, role }: NewSlot,
  signal: AbortSignal,
): Promise<number> {
  const before = await slotNumbers(exec, headerFile, signal);
  await addKey(exec, { headerFile, key, newKey, kdf: volume.kdf }, signal);
  const [slot] = (await slotNumbers(exec, headerFile, signal)).filter((number) => !before.includes(number));
  if (slot === undefined) throw new LuksmithError("internal", "cryptsetup has added no slot");
  await addToken(exec, headerFile, slotToken(slot, role, clock.now()), signal);
  const opensNew = (await slotOf(exec, { headerFile, key: newKey, slot }, signal)) !== undefined;
  const opensOld = (await slotOf(exec, { headerFile, key }, signal)) !== undefined;
  if (opensNew && opensOld) return slot;
  throw new LuksmithError("tool_failed", `the changed header does not open with the ${opensNew ? "old" : "new"} key`, {
    hint: "nothing has been changed",
  });
}

/** @throws {LuksmithError} "exists" when the key opens the volume already */
export async function requireNewKey(
  exec: Exec,
  { volume, headerFile }: Target,
  key: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const slot = await slotOf(exec, { headerFile, key }, signal);
  if (slot === undefined) return;
  throw new LuksmithError("exists", `that key opens volume ${volume.name} already: slot ${slot}`, {
    hint: `luksmith key list ${volume.name}`,
  });
}

/** @returns the slot that the key opens @throws {LuksmithError} "wrong_key" */
export async function requireSlotOf(
  exec: Exec,
  { volume, headerFile }: Target,
  key: Uint8Array,
  what: string,
  signal: AbortSignal,
): Promise<number> {
  const slot = key.length === 0 ? undefined : await slotOf(exec, { headerFile, key }, signal);
  if (slot !== undefined) return slot;
  throw new LuksmithError("wrong_key", `no key slot of volume ${volume.name} opens with ${what}`, {
    hint: `luksmith key list ${volume.name}`,
  });
}

export function requireSlot({ slots }: LuksHeader, slot: number, volume: string): void {
  if (slots.some((found) => found.slot === slot)) return;
  throw new LuksmithError("not_found", `volume ${volume} has no key slot ${slot}`, {
    hint: `luksmith key list ${volume}`,
  });
}

async function slotNumbers(exec: Exec, headerFile: string, signal: AbortSignal): Promise<number[]> {
  return parseLuksHeader(await dumpHeader(exec, headerFile, signal)).slots.map(({ slot }) => slot);
}
