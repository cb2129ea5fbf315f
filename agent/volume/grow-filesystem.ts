/** The last step of growing, also of one that was interrupted before it. */

import { filesystemKinds } from "../filesystem/kind.ts";
import type { RunContext } from "../runs/context.ts";
import type { Opened } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { syncFilesystem } from "../tools/sync.ts";
import type { Pin } from "./pin.ts";

/** To the size of the mapping; mounted for writing, when it is what the pin says. */
export async function growFilesystem(
  { exec }: Host,
  pin: Pin,
  { device, signal }: Opened,
  filesDir: string,
  run: RunContext,
): Promise<void> {
  await run.step("grow the file system", async () => {
    await filesystemKinds[pin.filesystem].grow(exec, device, filesDir, signal);
    await syncFilesystem(exec, filesDir, signal);
  });
}
