/** TRIM: the backup host gets back what was removed in a volume, also of one that is otherwise reached by sshfs. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { promisify } from "node:util";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";
import { until } from "./harness/until.ts";

const run = promisify(execFile);
const source = "/srv/source";
const large = join(source, "large");
const mebi = 2 ** 20;
const bytesPerBlock = 512;

describe("trim", () => {
  const scene = Scene.set({
    helper: {},
    prepare: async () => {
      await mkdir(source, { recursive: true });
      await writeFile(large, randomBytes(20 * mebi));
    },
    config: homeAndDocs(source),
    volumes: ["home"],
  });
  after(() => rm(source, { recursive: true, force: true }));

  const allocated = async () => (await stat(join(scene.host.imagesPath, "home.luks"))).blocks * bytesPerBlock;

  it("says about how much it would be, then gives it back, and says how much it was", async () => {
    const first = await scene.agent.backup("docs");
    assertDone(first);
    await rm(large);
    assertDone(await scene.agent.backup("docs"));
    assertDone(await scene.agent.prune("docs", { snapshots: [first.run.snapshot] }));
    const full = await allocated();

    const dry = await scene.agent.trim("home", true);
    assertDone(dry);
    assert.match(dry.run.summary, /would get back about \d+(\.\d+)? MiB/);
    assert.ok((await allocated()) >= full, "a dry run changes nothing");

    const trimmed = await scene.agent.trim("home");
    assertDone(trimmed);
    const rest = await allocated();
    const notes = trimmed.events.flatMap(({ kind }) => (kind?.$case === "note" ? [kind.value.message] : []));
    assert.ok(full - rest >= 17 * mebi, `${full} before, ${rest} after; ${trimmed.run.summary}; ${notes.join("; ")}`);
    assert.match(trimmed.run.summary, /^volume home: vault got back (1[789]|2\d)(\.\d+)? MiB \(its image has /);

    assertDone(await scene.agent.check("home"));
  });

  it("is refused before it begins where the storage has no holes", async () => {
    const { storagePath } = scene.host;
    const aside = "/run/trim-aside";
    await run("cp", ["--archive", "--sparse=always", storagePath, aside]);
    await run("mount", ["-t", "ramfs", "-o", "mode=0755", "ramfs", storagePath]);
    try {
      await run("cp", ["--archive", "--sparse=always", `${aside}/.`, storagePath]);
      const before = await run("find", [storagePath, "-printf", "%p %s %T@\n"]);
      const { run: refused, events } = await scene.agent.trim("home");
      assert.equal(refused.error?.code, "refused");
      assert.match(refused.error?.message ?? "", /^vault cannot give space back: /);
      assert.match(refused.error?.hint ?? "", /sparse files.*nothing was changed$/);
      assert.ok(!events.some(({ kind }) => kind?.$case === "stepBegan" && kind.value.step === "export"));
      assert.deepEqual(await run("find", [storagePath, "-printf", "%p %s %T@\n"]), before);
    } finally {
      // the end of the session takes a moment
      const unmounted = () => run("umount", [storagePath]).then(Boolean, () => false);
      await until(unmounted, "the storage is unmounted");
      await rm(aside, { recursive: true });
    }
  });

  it("is refused where no helper answers, and says what to do", async () => {
    await scene.host.run("chmod", "000", "/usr/local/sbin/luksmith-helper");
    const refused = await scene.agent.trim("home");
    await scene.host.run("chmod", "755", "/usr/local/sbin/luksmith-helper");
    assert.equal(refused.run.error?.code, "refused");
    assert.match(refused.run.error?.message ?? "", /^no luksmith-helper answers on vault/);
    assert.match(refused.run.error?.hint ?? "", /luksmith remote setup vault/);
  });
});
