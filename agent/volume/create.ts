/** Making a volume: header, image, file system, identity, pin - or nothing at all when one of them fails. */

import { randomUUID } from "node:crypto";
import { access, chmod, mkdir, rename, rm, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { allOrFirstError } from "../../common/all-settled.ts";
import { syncDirectory, writeFileDurably } from "../../common/durable-file.ts";
import { asLuksmithError, hasErrno, LuksmithError } from "../../common/errors.ts";
import { type Exec, mustRun } from "../../common/exec.ts";
import { formatBytes } from "../../common/units.ts";
import type { RemoteConfig } from "../config/remote.ts";
import { isGenerated, type VolumeConfig } from "../config/volume.ts";
import { filesystemKinds } from "../filesystem/kind.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { withRelease } from "../stack/attach.ts";
import { type Connected, type Opened, Stack, type Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import {
  addKey,
  addToken,
  cipher,
  dataOffsetBytes,
  formatHeader,
  headerBytes,
  sectorBytes,
  volumeKeyBits,
} from "../tools/cryptsetup.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";
import { slotToken } from "../tools/luks-header.ts";
import { syncFilesystem } from "../tools/sync.ts";
import { ownDirectory, writeIdentity } from "./identity.ts";
import { makeKeyBytes } from "./key-file.ts";
import { readKey } from "./key-source.ts";
import type { Pin, PinStore } from "./pin.ts";
import { volumeReadme } from "./readme-text.ts";

/** luksFormat takes slot 0 for the key, and luksAddKey the next. */
const recoverySlot = 1;
const headerCopyDeadlineMs = 600_000;

export interface CreateRequest {
  readonly volume: VolumeConfig;
  readonly remote: RemoteConfig;
  /** A second key slot gets it; undefined when the operator brought a key of their own. */
  readonly recoveryPassphrase: string | undefined;
}

/** @throws {LuksmithError} "exists" when the volume or its image is there already */
export async function createVolume(
  host: Host,
  pins: PinStore,
  request: CreateRequest,
  run: RunContext,
): Promise<RunResult> {
  const { volume, remote } = request;
  if ((await pins.read(volume.name)) !== undefined) {
    throw new LuksmithError("exists", `volume ${volume.name} has been created already`, {
      hint: "luksmith volume list",
    });
  }
  const headerFile = pins.headerFile(volume.name);
  await putAside(headerFile, run.runId);
  const { key } = volume;
  const madeKey = isGenerated(key) && (await makeKey(key.path)) ? key.path : undefined;
  const fresh = freshPin(volume);
  let pin = fresh;
  try {
    await run.step("format the header", () => makeHeader(host, headerFile, fresh, request, run.signal));
    pin = await makeImage(host, { volume, remote, pin: fresh, headerFile }, run);
    await pins.write(volume.name, pin);
  } catch (error) {
    await rm(headerFile, { force: true });
    if (madeKey !== undefined) await rm(madeKey, { force: true });
    throw error;
  }
  return {
    state: "done",
    summary: `volume ${volume.name}: ${formatBytes(volume.sizeBytes)} as ${volume.image} on ${remote.name}, header pinned in ${headerFile}`,
  };
}

function freshPin(volume: VolumeConfig): Pin {
  return {
    format: 1,
    id: randomUUID(),
    luksUuid: randomUUID(),
    // until there is one
    filesystemUuid: randomUUID(),
    filesystem: volume.filesystem,
    imageBytes: volume.sizeBytes,
    cipher,
    volumeKeyBits,
    sectorBytes,
    dataOffsetBytes,
    generation: 1,
    unclean: false,
  };
}

/** @returns whether it was made; a key that is there already is used */
export async function makeKey(path: string): Promise<boolean> {
  try {
    await access(path);
    return false;
  } catch {
    await writeFileDurably(path, makeKeyBytes(), 0o400);
    return true;
  }
}

/** A header whose pin.json was lost may be the only good one there is of an image. */
export async function putAside(headerFile: string, runId: string): Promise<void> {
  try {
    await rename(headerFile, `${headerFile}.before-${runId}`);
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw error;
  }
}

/** Formats a header on local disk: it is pinned from its first moment, and crosses the wire as a plain copy. */
async function makeHeader(host: Host, headerFile: string, pin: Pin, request: CreateRequest, signal: AbortSignal) {
  const { volume, recoveryPassphrase } = request;
  await mkdir(dirname(headerFile), { recursive: true, mode: 0o700 });
  await writeFile(headerFile, "", { mode: 0o600, flag: "wx" });
  // cryptsetup wants to see room for data behind the header; it is cut off again
  await truncate(headerFile, dataOffsetBytes + sectorBytes);
  const { exec } = host;
  const { kdf } = volume;
  const key = await readKey(exec, volume.key, signal);
  try {
    await formatHeader(exec, { file: headerFile, uuid: pin.luksUuid, key, kdf }, signal);
    if (recoveryPassphrase !== undefined) {
      const newKey = Buffer.from(recoveryPassphrase);
      await addKey(exec, { headerFile, key, newKey, kdf }, signal);
      await addToken(exec, headerFile, slotToken(recoverySlot, "recovery", host.clock.now()), signal);
    }
  } finally {
    key.fill(0);
  }
  await truncate(headerFile, headerBytes);
  await chmod(headerFile, 0o400);
  await mustRun(host.exec, { file: "sync", args: ["--", headerFile], deadlineMs: volumeDeadlineMs, signal });
  await syncDirectory(dirname(headerFile));
}

/** @returns the pin, with the file system that was made */
async function makeImage(host: Host, target: Target, run: RunContext): Promise<Pin> {
  const stack = new Stack(host, target.volume.name);
  let made: Connected | undefined;
  return await withRelease(stack, run, async () => {
    try {
      const prepareImage = async (connected: Connected) => {
        await connected.image.create(target.pin.imageBytes);
        made = connected;
        connected.signal.throwIfAborted();
      };
      const opened = await stack.open(target, "write", run, { prepareImage });
      const { signal } = opened;
      const [, filesystemUuid] = await run.step("make the file system", () =>
        allOrFirstError(
          copyHeader(host, target.headerFile, opened),
          filesystemKinds[target.pin.filesystem].make(
            host.exec,
            opened.device,
            target.pin.imageBytes - dataOffsetBytes,
            signal,
          ),
        ),
      );
      const pin = { ...target.pin, filesystemUuid };
      await stack.mount({ ...target, pin }, opened, "write", run);
      await writeContent(host, stack.names.filesDir, target, signal);
      return pin;
    } catch (error) {
      // ours alone: it was made exclusively a moment ago
      if (made && !made.lost.aborted) await discardImage(made, target, run);
      throw error;
    }
  });
}

/** So that the image can be opened by hand, without luksmith and without the pinned copy. */
async function copyHeader(host: Host, headerFile: string, { imageDevice, signal }: Opened): Promise<void> {
  // the fresh image reads as zeros, so what is zero in the header need not be sent
  const args = [`if=${headerFile}`, `of=${imageDevice}`, "bs=64K", "conv=nocreat,notrunc,sparse,fsync", "status=none"];
  await mustRun(host.exec, { file: "dd", args, deadlineMs: headerCopyDeadlineMs, signal });
}

async function writeContent(host: Host, filesDir: string, target: Target, signal: AbortSignal): Promise<void> {
  const { exec } = host;
  const directory = ownDirectory(filesDir);
  await mustRun(exec, { file: "mkdir", args: ["--mode=0700", "--", directory], deadlineMs: volumeDeadlineMs, signal });
  const { name } = target.volume;
  await writeIdentity(exec, filesDir, { format: 1, id: target.pin.id, volume: name, generation: 1 }, signal);
  await writeReadme(exec, filesDir, name, signal);
  await syncFilesystem(exec, filesDir, signal);
}

/** Our own directory is there. */
export async function writeReadme(exec: Exec, filesDir: string, name: string, signal: AbortSignal): Promise<void> {
  const readme = [`of=${join(ownDirectory(filesDir), "README.txt")}`, "status=none"];
  await mustRun(exec, { file: "dd", args: readme, stdin: volumeReadme(name), deadlineMs: volumeDeadlineMs, signal });
}

async function discardImage({ image }: Connected, { volume }: Target, run: RunContext): Promise<void> {
  await image.discard().catch((error: unknown) => {
    const name = Buffer.from(volume.image);
    run.warn(`the unfinished image could not be removed from the backup host: ${asLuksmithError(error).message}`, name);
  });
}
