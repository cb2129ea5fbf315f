/** What a recovery kit is made of. The pages are made by the command line, which has the passphrase from whoever typed it. */

import { createReadStream } from "node:fs";
import { hostname } from "node:os";
import type { Stream } from "../../common/grpc-call.ts";
import type { ExportRecoveryKitResponse } from "../../proto/gen/luksmith/v1/agent.ts";
import { trustedKeys } from "../remote/trust.ts";
import type { Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { requireSlotOf } from "./slots.ts";

/** A message holds 4 MiB at the most, which is less than a header. */
const pieceBytes = 256 * 2 ** 10;

/** @throws {LuksmithError} "wrong_key" when the passphrase does not open the volume: a kit with it would be none */
export async function sendRecoveryKit(
  host: Host,
  target: Target,
  { passphrase, jobs }: { passphrase: Uint8Array; jobs: string[] },
  stream: Stream<ExportRecoveryKitResponse>,
): Promise<void> {
  const { volume, remote, pin, headerFile } = target;
  const slot = await requireSlotOf(host.exec, target, passphrase, "this passphrase", stream.gone);
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
  for await (const piece of createReadStream(headerFile, { highWaterMark: pieceBytes }) as AsyncIterable<Buffer>) {
    await stream.send({ kind: { $case: "header", value: piece } });
  }
}
