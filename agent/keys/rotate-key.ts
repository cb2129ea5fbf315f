/** One key in the place of another: the agent's own, or one that a person has. */

import { lstat, rm } from "node:fs/promises";
import { writeFileDurably } from "../../common/durable-file.ts";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import type { VolumeConfig } from "../config/volume.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import type { Opened, Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { slotOf } from "../tools/cryptsetup.ts";
import type { SlotRole } from "../tools/luks-header.ts";
import { explainDisk, KeyChange } from "../volume/key-change.ts";
import { generatedKeyBytes, makeKeyBytes } from "../volume/key-file.ts";
import { keySourceText, readKey } from "../volume/key-source.ts";
import type { PinStore } from "../volume/pin.ts";
import { addSlot, requireNewKey, requireSlotOf, withImage } from "./slots.ts";

const keyMode = 0o400;

/**
 * Another key for the agent itself. In a file it is made, and takes the file's place when the header has it; what comes from a command
 * or a credential has been exchanged there by the operator, who says what it was before.
 * @throws {LuksmithError} "wrong_key" when the old one is not the volume's
 */
export async function rotateOwnKey(
  host: Host,
  pins: PinStore,
  target: Target,
  oldKey: Uint8Array,
  run: RunContext,
): Promise<RunResult> {
  const { exec } = host;
  const { key: source, name } = target.volume;
  const change = new KeyChange(host, pins, target);
  await change.header(run.signal);
  const { nextKeyFile } = change;
  const what = source.from === "file" ? source.path : "the old key";
  const readOld = async () => (source.from === "file" ? await readKey(exec, source) : Buffer.from(oldKey));
  const old = await readOld();
  const next = nextKeyFile === undefined ? await readKey(exec, source, run.signal) : makeKeyBytes();
  try {
    // so that what is wrong with it is said before the host is called
    await requireSlotOf(exec, target, old, what, run.signal);
    if (nextKeyFile === undefined) await requireExchanged(host, target, next, run.signal);
    else await requireOwnPlace(nextKeyFile);
    await withImage(host, target, old, run, async (opened) => {
      await change.finish(opened, run);
      // it may be another one now
      const current = await readOld();
      try {
        const retires = await requireSlotOf(exec, target, current, what, opened.signal);
        if (nextKeyFile !== undefined) await writeNextKey(nextKeyFile, next);
        try {
          await exchange(host, target, change, { old: current, next, role: "added", retires }, { opened, run });
        } finally {
          if (nextKeyFile !== undefined && !(await change.isUnfinished())) await rm(nextKeyFile, { force: true });
        }
      } finally {
        current.fill(0);
      }
    });
  } finally {
    old.fill(0);
    next.fill(0);
  }
  run.note("a copy of the old key that you keep elsewhere does not open the volume's headers any more: take a new one");
  return { state: "done", summary: `volume ${name} opens with a new key: ${keySourceText(source)}` };
}

/**
 * A new key that takes the place of a file would lock out whoever else has their key there.
 * @throws {LuksmithError} "usage"
 */
export function requireFileOfItsOwn(volumes: ReadonlyMap<string, VolumeConfig>, name: string): void {
  const pathOf = (volume: VolumeConfig | undefined) => (volume?.key.from === "file" ? volume.key.path : undefined);
  const path = pathOf(volumes.get(name));
  const others = [...volumes.values()].filter(
    (volume) => volume.name !== name && path !== undefined && pathOf(volume) === path,
  );
  if (others.length === 0) return;
  throw new LuksmithError(
    "usage",
    `${path} is the key of volume ${others.map((other) => other.name).join(", ")} as well`,
    {
      hint: `luksmith key add ${name} --key-file NEW, name that file in volumes.${name}.key, then luksmith key remove ${name} SLOT`,
    },
  );
}

/** @throws {LuksmithError} "wrong_key"; "usage" for the agent's own */
export async function rotateKeyOfPeople(
  host: Host,
  pins: PinStore,
  target: Target,
  { oldKey, newKey, generated }: { oldKey: Uint8Array; newKey: Uint8Array; generated: boolean },
  run: RunContext,
): Promise<RunResult> {
  const { exec } = host;
  const { name } = target.volume;
  const change = new KeyChange(host, pins, target);
  await change.header(run.signal);
  await requireSlotOf(exec, target, oldKey, "the old key", run.signal);
  await requireNewKey(exec, target, newKey, run.signal);
  const own = await readKey(exec, target.volume.key, run.signal);
  try {
    if (own.equals(oldKey)) {
      throw new LuksmithError("usage", `that is what the agent opens volume ${name} with`, {
        hint: `luksmith key rotate ${name}, without --passphrase`,
      });
    }
  } finally {
    own.fill(0);
  }
  await withImage(host, target, undefined, run, async (opened) => {
    await change.finish(opened, run);
    const retires = await requireSlotOf(exec, target, oldKey, "the old key", opened.signal);
    const before = (await change.header(opened.signal)).slots.find(({ slot }) => slot === retires);
    const role = generated ? "recovery" : (before?.role ?? "added");
    await exchange(host, target, change, { old: oldKey, next: newKey, role, retires }, { opened, run });
  });
  return { state: "done", summary: `volume ${name} opens with the new key, and no more with the old one` };
}

async function writeNextKey(path: string, key: Uint8Array): Promise<void> {
  await requireOwnPlace(path);
  try {
    await writeFileDurably(path, key, keyMode);
  } catch (cause) {
    throw explainDisk(cause, path);
  }
}

/** One that an interrupted rotation has left may be written over; whatever else is there is somebody's. @throws {LuksmithError} "exists" */
async function requireOwnPlace(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (!hasErrno(error, "ENOENT")) throw error;
  });
  if (found === undefined || (found.isFile() && found.size === generatedKeyBytes && (found.mode & 0o777) === keyMode))
    return;
  throw new LuksmithError("exists", `${path} is where the next key would wait, and is not of luksmith's making`, {
    hint: "move it away; nothing was changed",
  });
}

interface Exchange {
  readonly old: Uint8Array;
  readonly next: Uint8Array;
  readonly role: SlotRole;
  readonly retires: number;
}

async function exchange(
  host: Host,
  target: Target,
  change: KeyChange,
  { old, next, role, retires }: Exchange,
  { opened, run }: { opened: Opened; run: RunContext },
): Promise<void> {
  const edit = async (copy: string) => {
    await addSlot(host, target, copy, { key: old, newKey: next, role }, opened.signal);
  };
  await change.make({ edit, retires }, opened, run);
  if ((await slotOf(host.exec, { headerFile: target.headerFile, key: old }, opened.signal)) === undefined) return;
  run.warn("the old key opens another slot as well: luksmith key list, and remove that one too");
}

async function requireExchanged(host: Host, target: Target, next: Uint8Array, signal: AbortSignal): Promise<void> {
  const { headerFile, volume } = target;
  if ((await slotOf(host.exec, { headerFile, key: next }, signal)) === undefined) return;
  throw new LuksmithError("usage", `${keySourceText(volume.key)} opens volume ${volume.name} already`, {
    hint: "let it give the new key first: then luksmith key rotate asks for the old one, and exchanges them in the volume",
  });
}
