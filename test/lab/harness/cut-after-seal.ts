/** A backup whose host goes away as soon as the snapshot is said to be finished. */

import assert from "node:assert/strict";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import type { Scene } from "./scene.ts";

/** On a link where what is not waited for is still on its way for seconds; afterwards the host is there again. */
export async function cutAfterSeal({ agent, host }: Scene, job: string): Promise<void> {
  await host.setLink({ rttMs: 100, mbit: 4 });
  const { run: started } = await agent.startBackup(job);
  let cut: Promise<void> | undefined;
  const { run: ended } = await agent.follow(started?.id ?? "", ({ kind }) => {
    if (kind?.$case === "stepEnded" && kind.value.step === "seal") cut = host.stop();
  });
  assert.ok(cut, "it was sealed");
  await cut;
  assert.notEqual(ended.state, RunState.DONE, "the host was gone before all was taken down");
  await host.start();
  await host.setLink({ rttMs: 0 });
}
