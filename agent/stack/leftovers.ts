/** What an agent that was killed, or a machine that lost its power, left behind: found by name, and released. */

import { closeLeftViews } from "../browse/view.ts";
import { removeScratches } from "../drill/scratch.ts";
import { releaseTargets } from "../restore/guarded-target.ts";
import type { Host } from "../system/host.ts";
import { releaseSorting } from "../tools/sort.ts";
import { allHeldVolumes, heldVolumes } from "./held.ts";
import { Stack } from "./stack.ts";
import { releaseViews } from "./view.ts";

/** Before any work is accepted. A leftover that does not go is logged and left to `doctor`: the other volumes can work. */
export async function releaseLeftovers(host: Host): Promise<void> {
  await releaseSorting(host.stateDir).catch((error: unknown) =>
    host.log.error({ err: error }, "could not remove what a sort has left"),
  );
  for (const close of [closeLeftViews, releaseViews, releaseTargets]) {
    await close(host).catch((error: unknown) => host.log.error({ err: error }, "could not close every view"));
  }
  const held = await allHeldVolumes(host).catch((error: unknown) => {
    // whoever has no device-mapper is told so by the doctor, which needs an agent
    host.log.error({ err: error }, "could not look for every device");
    return heldVolumes(host.runtimeDir);
  });
  for (const volume of held) {
    host.log.warn({ volume }, "releasing what an earlier agent left attached");
    try {
      await new Stack(host, volume, true).release();
    } catch (error) {
      host.log.error({ err: error, volume }, "could not release everything");
    }
  }
  // last, and not for long: what does not go now is tried again at the next start
  await removeScratches(host).catch((error: unknown) => {
    host.log.error({ err: error }, "could not remove what an interrupted drill restored");
  });
}
