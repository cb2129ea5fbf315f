/** What the devices of a volume say of themselves while it is attached. */

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { endlessJob, startEndlessBackup } from "./harness/endless-backup.ts";
import { cheapKdf } from "./harness/lab-agent.ts";
import { Scene } from "./harness/scene.ts";

describe("the devices of a volume", () => {
  const scene = Scene.set({
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  ${endlessJob}
`,
    volumes: ["home"],
  });

  it("pass on that something is to be on the disk, also when the host answered after the key was derived", async () => {
    await scene.host.setLink({ rttMs: 300 });
    const id = await startEndlessBackup(scene.agent);
    assert.deepEqual(await writeCaches(), ["write back", "write back"]);
    await scene.host.setLink({ rttMs: 0 });
    await scene.agent.cancel(id);
    await scene.agent.follow(id);
  });
});

/** Of all device-mapper devices. Source: Documentation/ABI/stable/sysfs-block, queue/write_cache. */
async function writeCaches(): Promise<string[]> {
  const devices = (await readdir("/sys/block")).filter((name) => name.startsWith("dm-"));
  const read = (name: string) => readFile(`/sys/block/${name}/queue/write_cache`, "utf8");
  return (await Promise.all(devices.map(read))).map((text) => text.trim());
}
