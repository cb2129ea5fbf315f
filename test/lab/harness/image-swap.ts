/** What a hostile backup host does with an image: puts something else where it was. */

import assert from "node:assert/strict";
import { rename, rm } from "node:fs/promises";
import type { LabAgent } from "./lab-agent.ts";
import { assertNothingLeft } from "./leak-check.ts";

export interface ImageSwap {
  /** Where the image is. */
  readonly image: string;
  /** @param aside where the image is meanwhile */
  readonly make: (image: string, aside: string) => Promise<unknown>;
  readonly refusal: { readonly code: string; readonly message: RegExp };
}

/** Backs up `job` with what is made in the image's place; asserts that it is refused, with nothing left attached. */
export async function assertSwapRefused(
  agent: LabAgent,
  job: string,
  { image, make, refusal }: ImageSwap,
): Promise<void> {
  const aside = `${image}.aside`;
  await rename(image, aside);
  try {
    await make(image, aside);
    const { run } = await agent.backup(job);
    assert.equal(run.error?.code, refusal.code, run.error?.message);
    assert.match(run.error?.message ?? "", refusal.message);
    await assertNothingLeft();
  } finally {
    await rm(image, { force: true, recursive: true });
    await rename(aside, image);
  }
}
