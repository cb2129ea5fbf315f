/** A machine that loses its power in the middle of a backup, and what is made of that when it has it again. */

import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { makeExec, mustRun } from "../../../common/exec.ts";
import { RunState, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { endlessFiles, endlessJob, endlessSource, startEndlessBackup } from "../harness/endless-backup.ts";
import { cheapKdf, identityFile, LabAgent, remoteLine, stateDir } from "../harness/lab-agent.ts";
import { LastingState } from "../harness/lasting-state.ts";
import { assertNothingLeft, captureSystem } from "../harness/leak-check.ts";
import { currentLife, PowerCut } from "../harness/power-cut.ts";
import { assertDone } from "../harness/scene.ts";
import { SecondHost } from "../harness/second-host.ts";

const { exec } = makeExec();
const letters = "/srv/letters";
const lasting = ["/etc/luksmith", stateDir, letters, endlessSource];
const hostOptions = { identityFile, keptIn: "/out/vault" };

const config = (endless: string) => `
${remoteLine(SecondHost)}
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  letters: { volume: home, sources: [${letters}] }
  ${endless}
`;

/** As the kernel does by itself after half a minute. */
async function writeOut(directory: string, names: RegExp): Promise<void> {
  const files = (await readdir(directory)).filter((name) => names.test(name)).map((name) => join(directory, name));
  await mustRun(exec, { file: "sync", args: ["--", ...files], deadlineMs: 60_000 });
}

if (currentLife() === 1) {
  describe("a backup", () => {
    it("is under way when the power goes", async () => {
      await using state = await LastingState.mount(lasting);
      await writeFile(join(letters, "first"), "Dear Sir or Madam\n");
      await using _host = await SecondHost.create(hostOptions);
      await state.settle();
      await using agent = await LabAgent.start(config(endlessJob));
      await agent.trust();
      assertDone(await agent.create("home"));
      assertDone(await agent.backup("letters"));
      await startEndlessBackup(agent);
      // the source, and the history, whose last moments may be lost: what else the agent needs, it has to have written out
      await writeOut(endlessSource, /./);
      await writeOut(stateDir, /^agent\.db/);
      const powerCut = await PowerCut.request();
      await powerCut.comes();
    });
  });
} else {
  describe("an agent that is started after a power cut", () => {
    const stack = new AsyncDisposableStack();
    let agent: LabAgent;

    before(async () => {
      stack.use(await LastingState.mount(lasting));
      stack.use(await SecondHost.create(hostOptions));
      agent = stack.use(await LabAgent.start(config(endlessJob.replace(/, bandwidthLimit: \w+/, ""))));
    });
    after(async () => {
      await stack.disposeAsync();
      await assertNothingLeft();
    });

    it("holds nothing", async () => {
      assert.deepEqual(await captureSystem(), []);
    });

    it("has the history, in which the backup is interrupted", async () => {
      assert.doesNotMatch(agent.log.join(""), /moved aside/);
      const { runs } = await agent.runs();
      assert.deepEqual(
        runs.map(({ verb, job, state }) => [verb, job, state]),
        [
          [Verb.BACKUP, "endless", RunState.INTERRUPTED],
          [Verb.BACKUP, "letters", RunState.DONE],
          [Verb.CREATE_VOLUME, "", RunState.DONE],
        ],
      );
    });

    it("repairs the volume, and makes the backup", async () => {
      const followed = await agent.backup("endless");
      assertDone(followed);
      const notes = followed.events.flatMap(({ kind }) => (kind?.$case === "note" ? [kind.value.message] : []));
      assert.match(notes.join("\n"), /was not unmounted cleanly/);
      const snapshots = await agent.snapshots("endless");
      assert.deepEqual(
        snapshots.map(({ partial }) => partial),
        [false],
      );
    });

    it("finds every file as it was backed up, before the power cut and after it", async () => {
      for (const [job, files] of [
        ["letters", 1],
        ["endless", endlessFiles],
      ] as const) {
        const verified = await agent.verify(job);
        assertDone(verified);
        assert.equal(verified.run.totals?.filesEqual, files, job);
      }
    });
  });
}
