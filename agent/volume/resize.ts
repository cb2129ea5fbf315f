/** Growing a volume to the size that the configuration says. Interrupted at any step, the next call ends it. */

import { LuksmithError } from "../../common/errors.ts";
import { formatBytes } from "../../common/units.ts";
import { filesystemKinds } from "../filesystem/kind.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { withRelease } from "../stack/attach.ts";
import { type Connected, Stack, type Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { syncFilesystem } from "../tools/sync.ts";
import { readIdentity, requireIdentity } from "./identity.ts";
import type { PinStore } from "./pin.ts";

/** @throws {LuksmithError} "usage" when the configuration asks for less than there is */
export async function resizeVolume(host: Host, pins: PinStore, target: Target, run: RunContext): Promise<RunResult> {
  const { volume, pin: before } = target;
  const { name, sizeBytes } = volume;
  if (sizeBytes < before.imageBytes) {
    throw new LuksmithError(
      "usage",
      `volume ${name} has ${formatBytes(before.imageBytes)}, the configuration says ${formatBytes(sizeBytes)}: it can only grow`,
      { hint: `set volumes.${name}.size to what it has, or to more` },
    );
  }
  const pin = { ...before, imageBytes: sizeBytes };
  const grown = { ...target, pin };
  const stack = new Stack(host, name);
  await withRelease(stack, run, async () => {
    const prepareImage = ({ image, signal }: Connected) => image.grow(sizeBytes, signal);
    const opened = await stack.open(grown, "write", run, { prepareImage });
    // A file system smaller than its device is harmless, a larger one is not: the pin goes first.
    await pins.write(name, pin);
    await stack.mount(grown, opened, "write", run);
    const { filesDir } = stack.names;
    requireIdentity(await readIdentity(host.exec, filesDir, opened.signal), pin, name, false);
    await run.step("grow the file system", async () => {
      await filesystemKinds[pin.filesystem].grow(host.exec, opened.device, filesDir, opened.signal);
      await syncFilesystem(host.exec, filesDir, opened.signal);
    });
  });
  const change = sizeBytes === before.imageBytes ? "has" : `grew from ${formatBytes(before.imageBytes)} to`;
  return { state: "done", summary: `volume ${name} ${change} ${formatBytes(sizeBytes)}` };
}
