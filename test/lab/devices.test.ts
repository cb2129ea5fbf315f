/** What the devices of a volume say of themselves while it is attached, and those of others while they come and go. */

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { dmDevices } from "../../agent/system/block-devices.ts";
import { makeExec, mustRun } from "../../common/exec.ts";
import { homeAndEndless, startEndlessBackup } from "./harness/endless-backup.ts";
import { Scene } from "./harness/scene.ts";

/** Some of them are looked at in the moment in which they go. */
const rounds = 60;

describe("the devices of a volume", () => {
  const scene = Scene.set({
    config: homeAndEndless,
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

  it("are found while another volume's are taken down", async (context) => {
    const { exec } = makeExec();
    const dmsetup = (...args: string[]) => mustRun(exec, { file: "dmsetup", args, deadlineMs: 60_000 });
    let over = false;
    let looks = 0;
    const looking = (async () => {
      for (; !over; looks += 1) await dmDevices();
    })();
    // so that a failure is told by what waits for it below, and not before
    looking.catch(() => undefined);
    for (let round = 0; round < rounds; round += 1) {
      await dmsetup("create", "other", "--table", "0 8 zero");
      await dmsetup("remove", "--retry", "other");
    }
    over = true;
    await looking;
    context.diagnostic(`${looks} looks at ${rounds} devices`);
    assert.ok(looks > rounds, `${looks}`);
  });
});

/** Of all device-mapper devices. Source: Documentation/ABI/stable/sysfs-block, queue/write_cache. */
async function writeCaches(): Promise<string[]> {
  const devices = (await readdir("/sys/block")).filter((name) => name.startsWith("dm-"));
  const read = (name: string) => readFile(`/sys/block/${name}/queue/write_cache`, "utf8");
  return (await Promise.all(devices.map(read))).map((text) => text.trim());
}
