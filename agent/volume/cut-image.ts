/** The end of a shrink. */

import type { RunContext } from "../runs/context.ts";
import { withRelease, withVolume } from "../stack/attach.ts";
import { type Connected, Stack, type Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { readIdentity, requireIdentity } from "./identity.ts";
import { type PinStore, settled } from "./pin.ts";

/** The device has what is pinned already; the image gets it. */
export async function cutImage(host: Host, pins: PinStore, target: Target, run: RunContext): Promise<void> {
  const { volume, pin } = target;
  // an image that has been put back since is larger inside than what is pinned, and is not to be cut: it is looked at first
  await withVolume(host, pins, target, { mode: "read", acceptRollback: false }, run, () => Promise.resolve());
  const stack = new Stack(host, volume.name);
  await withRelease(stack, run, async () => {
    const prepareImage = ({ image, signal }: Connected) =>
      run.step("make the image smaller", () => image.shrink(pin.imageBytes, signal));
    const opened = await stack.open(target, "write", run, { prepareImage });
    await stack.mount(target, opened, "write", run);
    const { filesDir } = stack.names;
    requireIdentity(await readIdentity(host.exec, filesDir, opened.signal), pin, volume.name, false);
  });
  await pins.write(volume.name, { ...settled(pin), unclean: false });
}
