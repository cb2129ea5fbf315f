/** `transport: auto`: by nbd where a helper answers, else by sshfs, which is said, and not asked again at every run. */

import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { version } from "../../common/version.ts";
import { bundlePath } from "../../helper/setup/paths.ts";
import type { Followed } from "./harness/lab-agent.ts";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";

const source = "/srv/source";

const noted = ({ events }: Followed) =>
  events.flatMap(({ kind }) => (kind?.$case === "note" ? [kind.value.message] : [])).join("\n");
/** Only what goes over nbd is exported. */
const isByNbd = ({ events }: Followed) =>
  events.some(({ kind }) => kind?.$case === "stepBegan" && kind.value.step === "export");

describe("transport: auto", () => {
  const scene = Scene.set({
    // the host serves nothing over TCP, whatever the machine trusts
    remote: "transport: auto, trustedWire: true",
    helper: {},
    prepare: async () => {
      await mkdir(source, { recursive: true });
      await writeFile(join(source, "letter"), "dear all\n");
    },
    config: homeAndDocs(source),
    volumes: ["home"],
  });
  after(() => rm(source, { recursive: true, force: true }));

  const helper = (mode: string) => scene.host.run("chmod", mode, "/usr/local/sbin/luksmith-helper");

  it("goes by nbd where a helper answers", async () => {
    const backup = await scene.agent.backup("docs");
    assertDone(backup);
    assert.ok(isByNbd(backup), noted(backup));
    assert.match(noted(backup), /^no direct export: the backup host does not serve over TCP .*: through the tunnel$/m);
  });

  it("says what to do where the helper is of another version", async () => {
    const current = await readFile(bundlePath, "utf8");
    const other = current.replace(`version: "${version}"`, 'version: "9.9.9"');
    assert.notEqual(other, current);
    await rm(bundlePath);
    await writeFile(bundlePath, other, { mode: 0o755 });
    const verified = await scene.agent.verify("docs");
    assertDone(verified);
    assert.match(
      noted(verified),
      /^the helper on vault is of version 9\.9\.9, this machine's luksmith of \S+: luksmith remote setup vault$/m,
    );
  });

  it("goes by sshfs where none does, and says so", async () => {
    await helper("000");
    const backup = await scene.agent.backup("docs");
    assertDone(backup);
    assert.ok(!isByNbd(backup));
    assert.match(noted(backup), /^no luksmith-helper answers on vault.*: going by sshfs$/m);
    assertDone(await scene.agent.verify("docs"));
  });

  it("does not ask again for a while, until a trim or a check has found that one answers", async () => {
    await helper("755");
    const still = await scene.agent.backup("docs");
    assertDone(still);
    assert.ok(!isByNbd(still));
    assert.match(noted(still), /^no luksmith-helper answered on vault \d.* ago: going by sshfs$/m);
    assertDone(await scene.agent.trim("home"));
    const again = await scene.agent.backup("docs");
    assertDone(again);
    assert.ok(isByNbd(again), noted(again));

    await helper("000");
    assertDone(await scene.agent.backup("docs"));
    await helper("755");
    await scene.agent.checkRemote("vault");
    const checked = await scene.agent.backup("docs");
    assertDone(checked);
    assert.ok(isByNbd(checked), noted(checked));
  });
});
