/** A backup whose host goes away as soon as the snapshot is said to be finished. */

import assert from "node:assert/strict";
import type { Scene } from "./scene.ts";

/**
 * On a link where what is not waited for is still on its way for seconds; afterwards the host is there again. How the run
 * ends is open: with nothing on its way, all may have been taken down before the host was gone.
 */
export async function cutAfterSeal({ agent, host }: Scene, job: string): Promise<void> {
  await host.setLink({ rttMs: 100, mbit: 4 });
  const { run: started } = await agent.startBackup(job);
  let cut: Promise<void> | undefined;
  await agent.follow(started?.id ?? "", ({ kind }) => {
    if (kind?.$case === "stepEnded" && kind.value.step === "seal") cut = host.stop();
  });
  assert.ok(cut, "it was sealed");
  await cut;
  await host.start();
  await host.setLink({ rttMs: 0 });
}
