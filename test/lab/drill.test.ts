/** Levels of verifying below "everything", and restore drills. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { promisify } from "node:util";
import { VerifyLevel } from "../../proto/gen/luksmith/v1/agent.ts";
import { cheapKdf, stateDir } from "./harness/lab-agent.ts";
import { assertDone, Scene } from "./harness/scene.ts";
import { makeManyFiles } from "./harness/tree.ts";
import { until } from "./harness/until.ts";

const run = promisify(execFile);
const source = "/srv/drill-source";
const files = 200;
const fileBytes = 500;
const odd = join(source, "-n'am\ne");
const victim = join(source, "many/d1/f101");
const drills = join(stateDir, "drills");

async function makeSources(): Promise<void> {
  await mkdir(source, { recursive: true });
  await makeManyFiles(join(source, "many"), files, fileBytes);
  await writeFile(odd, "odd\n");
  await writeFile(join(source, "large"), Buffer.alloc(2 ** 20, 1));
}

/** Another content under the size and time that it had. */
async function alter(path: string): Promise<void> {
  await run("touch", ["-r", path, "/tmp/drill-reference"]);
  await writeFile(path, Buffer.alloc(fileBytes, 7));
  await run("touch", ["-r", "/tmp/drill-reference", path]);
}

describe("looking closely without looking at everything", () => {
  const scene = Scene.set({
    prepare: makeSources,
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${source}] }
`,
    volumes: ["home"],
  });
  after(() => rm(source, { recursive: true, force: true }));

  it("quick: the volume is in order", async () => {
    assertDone(await scene.agent.backup("docs"));
    const quick = await scene.agent.verify("docs", { level: VerifyLevel.QUICK });
    assertDone(quick);
    assert.match(quick.run.summary, /^volume home is in order: generation 2, 1 snapshot, /);
  });

  it("spot: a sample of the wanted size, the same for the same seed, and nothing that is larger than it", async () => {
    const options = { level: VerifyLevel.SPOT, sampleBytes: 100 * fileBytes, seed: "lab" };
    const spot = await scene.agent.verify("docs", options);
    assertDone(spot);
    assert.match(spot.run.summary, /, 10\d of 202 files, .*: 10\d equal, 0 changed or gone since .* \(seed lab\)$/);
    assert.ok(
      spot.events.some(({ kind }) => kind?.$case === "note" && /^1 file of 202 cannot be in/.test(kind.value.message)),
    );
    assert.equal((await scene.agent.verify("docs", options)).run.summary, spot.run.summary);
  });

  it("a drill restores, compares, leaves nothing, and is in the status", async () => {
    const drilled = await scene.agent.drill("docs");
    assertDone(drilled);
    assert.match(
      drilled.run.summary,
      /^restored 202 of 202 files, .*: 202 equal, 0 changed .*; everything would take about /,
    );
    assert.deepEqual(await readdir(drills), []);
    const { jobs } = await scene.agent.status();
    assert.equal(jobs[0]?.lastDrill?.id, drilled.run.id);
    assert.ok((jobs[0]?.lastDrill?.totals?.projectedMs ?? 0) > 0);
    // one directory, elsewhere
    const named = await scene.agent.drill("docs", {
      path: Buffer.from(join(source, "many/d1")),
      scratch: Buffer.from("/srv"),
    });
    assertDone(named);
    assert.match(named.run.summary, /^restored 100 of \d+ files, /);
    assert.deepEqual(
      (await readdir("/srv")).filter((name) => name.startsWith("luksmith-drill-")),
      [],
    );
  });

  it("a drill without room for it, or of what is not there, begins nothing", async () => {
    await run("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", "/mnt"]);
    try {
      const full = await scene.agent.drill("docs", { scratch: Buffer.from("/mnt") });
      assert.equal(full.run.error?.code, "full");
      assert.match(
        full.run.error?.message ?? "",
        /^there is no room for the drill in \/mnt: it needs .*, and 4\.00 MiB are free/,
      );
      assert.deepEqual(await readdir("/mnt"), []);
    } finally {
      await run("umount", ["/mnt"]);
    }
    assert.equal((await scene.agent.drill("docs", { path: Buffer.from("/nowhere") })).run.error?.code, "not_found");
    await assert.rejects(scene.agent.drill("docs", { path: Buffer.from("../x") }), { code: "usage" });
    await assert.rejects(scene.agent.drill("docs", { seed: "two\nlines" }), { code: "usage" });
  });

  it("an agent that is killed in a drill leaves it to the next one to remove what was restored", async () => {
    await scene.host.setLink({ rttMs: 0, mbit: 1 });
    await scene.agent.startDrill("docs");
    await until(async () => (await readdir(drills)).length > 1, "the scratch directory is there");
    await scene.agent.stop("SIGKILL");
    await scene.startAgent();
    await scene.host.setLink({ rttMs: 0 });
    assert.deepEqual(await readdir(drills), []);
  });

  it("what was altered under its size and time is found by both; what its owner changed is read back", async () => {
    await alter(victim);
    await writeFile(odd, "changed by its owner\n");
    await utimes(odd, new Date(0), new Date(0));
    await rm(join(source, "many/d1/f102"));
    for (const found of [
      await scene.agent.verify("docs", { level: VerifyLevel.SPOT }),
      await scene.agent.drill("docs", { path: Buffer.from(source) }),
    ]) {
      assert.equal(found.run.error?.code, "tampered");
      assert.match(found.run.error?.message ?? "", /^1 file of the sample is not as backed up$/);
      assert.deepEqual(
        found.warnings.map((warning) => warning.split(":")[0]),
        [victim.slice(1)],
      );
    }
    await rm(victim);
    const spot = await scene.agent.verify("docs", { level: VerifyLevel.SPOT });
    assertDone(spot);
    assert.match(spot.run.summary, /: 199 equal, 3 changed or gone since and read back whole/);
    assert.deepEqual(await readdir(drills), []);
  });
});
