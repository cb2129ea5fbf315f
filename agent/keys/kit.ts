/** What a recovery kit is made of. The pages are made by the command line, which has the passphrase from whoever typed it. */

import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Stream } from "../../common/grpc-call.ts";
import type { ExportRecoveryKitResponse } from "../../proto/gen/luksmith/v1/agent.ts";
import { trustedKeys } from "../remote/trust.ts";
import type { Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { KeyChange } from "../volume/key-change.ts";
import type { PinStore } from "../volume/pin.ts";
import { requireSlotOf } from "./slots.ts";

/** A message holds 4 MiB at the most, which is less than a header. */
const pieceBytes = 256 * 2 ** 10;

/**
 * The header is sent as it was tried, whatever becomes of the pinned one meanwhile.
 * @throws {LuksmithError} "wrong_key" when the passphrase does not open the volume: a kit with it would be none; "locked" while the volume is re-encrypted
 */
export async function sendRecoveryKit(
  host: Host,
  pins: PinStore,
  target: Target,
  { passphrase, jobs }: { passphrase: Uint8Array; jobs: string[] },
  stream: Stream<ExportRecoveryKitResponse>,
): Promise<void> {
  const { volume, remote, pin } = target;
  await new KeyChange(host, pins, target).header(stream.gone);
  const { slot, header } = await triedHeader(host, target, passphrase, stream.gone);
  const keys = await trustedKeys(host, remote);
  const kit = {
    volume: volume.name,
    hostname: hostname(),
    madeAt: host.clock.now(),
    slot,
    host: remote.host,
    port: remote.port,
    user: remote.user,
    path: remote.path,
    image: volume.image,
    imageSize: pin.imageBytes,
    filesystem: pin.filesystem,
    luksUuid: pin.luksUuid,
    cipher: pin.cipher,
    volumeKeyBits: pin.volumeKeyBits,
    jobs,
    hostKeys: keys.map(({ type, blob }) => `${type} ${blob}`),
    identity: remote.identity,
  };
  await stream.send({ kind: { $case: "kit", value: kit } });
  for (let sent = 0; sent < header.length; sent += pieceBytes) {
    await stream.send({ kind: { $case: "header", value: header.subarray(sent, sent + pieceBytes) } });
  }
}

/** @returns the bytes of the pinned header that the passphrase was tried with */
async function triedHeader(
  host: Host,
  target: Target,
  passphrase: Uint8Array,
  signal: AbortSignal,
): Promise<{ slot: number; header: Buffer }> {
  const directory = await mkdtemp(join(host.runtimeDir, "kit-"));
  try {
    const headerFile = join(directory, "header.luks");
    await copyFile(target.headerFile, headerFile);
    const slot = await requireSlotOf(host.exec, { ...target, headerFile }, passphrase, "this passphrase", signal);
    return { slot, header: await readFile(headerFile) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
