/** What the backup host's administrator does with checkpoints: look at them, and put one back in an image's place. */

import { type FileHandle, open } from "node:fs/promises";
import Table from "cli-table3";
import { systemClock } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import type { Exec } from "../../common/exec.ts";
import { quoteText } from "../../common/quote.ts";
import { timeName } from "../../common/time-name.ts";
import { formatBytes } from "../../common/units.ts";
import type { HelperConfig } from "../config/helper-config.ts";
import { removeLease, requireNoLease } from "../lease/lease-place.ts";
import { accountOf } from "../session/machine.ts";
import { lockImage } from "../storage/images.ts";
import { MachineDirectory } from "../storage/machine-directory.ts";
import { type Checkpoint, CheckpointStore } from "./checkpoint-store.ts";

interface Listed extends Checkpoint {
  readonly machine: string;
  readonly image: string;
}

/** @param machine of this one alone; @param json one line of JSON for each instead of a table */
export async function listCheckpoints(
  exec: Exec,
  config: HelperConfig,
  { machine, json }: { machine: string | undefined; json: boolean },
): Promise<string> {
  const store = storeOf(exec, config);
  const images = (await store.images()).filter((one) => machine === undefined || one.machine === machine);
  const lists = await Promise.all(
    images.map(async (one) => (await store.list(one.machine, one.image)).map((found) => ({ ...one, ...found }))),
  );
  const all: Listed[] = lists.flat();
  if (json) return all.map((one) => `${JSON.stringify(one)}\n`).join("");
  if (all.length === 0) return "there are no checkpoints\n";
  const table = new Table({
    head: ["MACHINE", "IMAGE", "CHECKPOINT", "SIZE", "ALLOCATED"],
    style: { head: [], compact: true },
  });
  for (const { machine: owner, image, name, bytes, allocatedBytes } of all) {
    table.push([owner, image, name, formatBytes(bytes), formatBytes(allocatedBytes)]);
  }
  return `${table.toString()}\n`;
}

interface Restoring {
  readonly machine: string;
  readonly image: string;
  readonly name: string;
  /** The machine's lease counts for nothing: it is a file that whoever has the machine can write as often as they like. */
  readonly ignoresLease: boolean;
}

/** @returns what was done, in a sentence @throws {LuksmithError} "not_found", "locked" while a session has the image */
export async function restoreCheckpoint(
  exec: Exec,
  config: HelperConfig,
  { machine, image, name, ignoresLease }: Restoring,
): Promise<string> {
  const settings = config.machines.get(machine);
  if (settings === undefined) throw new LuksmithError("not_found", `there is no machine ${quoteText(machine)} here`);
  const found = (await storeOf(exec, config).list(machine, image)).find((checkpoint) => checkpoint.name === name);
  if (found === undefined) {
    throw new LuksmithError("not_found", `there is no checkpoint ${quoteText(name)} of ${quoteText(image)}`, {
      hint: `luksmith-helper checkpoints list --machine ${machine}`,
    });
  }
  const directory = new MachineDirectory(settings.directory, await accountOf(exec, machine));
  if (!ignoresLease) await requireNoLeaseHere(directory, image);
  await using present = await lockPresent(exec, directory, image);
  await using source = await open(found.path, "r");
  const kept = await directory.replace(image, present.file, source, timeName(systemClock.now()));
  // or the machine would have to wait for its end
  if (ignoresLease) await removeLease(directory, image);
  const before = kept === undefined ? "" : `; what was there is ${quoteText(kept)} beside it`;
  return `${image} is what it was at ${found.madeAt.toISOString()}${before}; on the machine: luksmith volume check VOLUME --accept-rollback`;
}

async function requireNoLeaseHere(directory: MachineDirectory, image: string): Promise<void> {
  try {
    await requireNoLease(directory, image, systemClock);
  } catch (error) {
    if (!(error instanceof LuksmithError) || error.code !== "locked") throw error;
    throw new LuksmithError("locked", error.message, {
      hint: "wait until it is done there; of a machine that is not to be believed any more, shut its key out, and use --ignore-lease",
    });
  }
}

/** @returns the image that is there, locked, or none */
async function lockPresent(
  exec: Exec,
  directory: MachineDirectory,
  image: string,
): Promise<AsyncDisposable & { readonly file: FileHandle | undefined }> {
  try {
    const file = await lockImage(exec, directory, image);
    return { file, [Symbol.asyncDispose]: () => file.close() };
  } catch (error) {
    if (!(error instanceof LuksmithError)) throw error;
    if (error.code === "not_found") return { file: undefined, [Symbol.asyncDispose]: async () => undefined };
    if (error.code !== "denied") throw error;
    throw new LuksmithError("denied", error.message, { hint: "look at what it is, and move it out of the way first" });
  }
}

function storeOf(exec: Exec, { checkpoints }: HelperConfig): CheckpointStore {
  if (checkpoints !== undefined) return new CheckpointStore(exec, checkpoints, systemClock);
  throw new LuksmithError("config", "this host makes no checkpoints", { hint: "checkpoints, in helper.yaml" });
}
