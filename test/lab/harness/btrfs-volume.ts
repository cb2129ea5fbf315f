/** A volume with btrfs in it: made, backed up into, broken off, grown, trimmed and looked over, as one with ext4. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { after, describe, it } from "node:test";
import { promisify } from "node:util";
import { type RunEvent, RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { cheapKdf, stateDir } from "./lab-agent.ts";
import { byHand } from "./opened-by-hand.ts";
import { assertDone, Scene } from "./scene.ts";
import { mountSourceDisk } from "./source-disk.ts";
import { fingerprint, makeRichTree } from "./tree.ts";
import { until } from "./until.ts";

const run = promisify(execFile);
const disk = "/srv/lab";
const source = join(disk, "source");
const large = join(source, "large");
const rich = join(source, "rich");
const target = join(disk, "back");
const keyFile = "/etc/luksmith/keys/home.key";
const mebi = 2 ** 20;
const largeBytes = 8 * mebi;
const bytesPerBlock = 512;

/** A block in the middle of it, as a database does. */
async function writeMiddle(path: string): Promise<void> {
  const file = await open(path, "r+");
  await file.write(randomBytes(4096), 0, 4096, 4 * mebi);
  await file.close();
}

function notesOf(events: readonly RunEvent[]): string[] {
  return events.flatMap(({ kind }) => (kind?.$case === "note" ? [kind.value.message] : []));
}

/** @param rarely what does not depend on how the image is reached is looked at as well */
export function describeBtrfs(transport: "sshfs" | "nbd", { rarely }: { rarely: boolean }): void {
  const seldom = rarely ? it : () => undefined;
  describe(`a volume with btrfs, by ${transport}`, () => {
    const scene = Scene.set({
      remote: `transport: ${transport}`,
      helper: {},
      prepare: async () => {
        await mountSourceDisk(disk);
        await mkdir(source);
        await writeFile(large, randomBytes(largeBytes));
        await writeFile(join(source, "letter"), "dear all\n");
        await makeRichTree(rich);
      },
      config: `
volumes: { home: { remote: vault, image: home.luks, size: 256M, filesystem: btrfs, ${cheapKdf} } }
jobs: { docs: { volume: home, sources: [${source}] } }
`,
      volumes: ["home"],
    });
    after(() => run("umount", [disk]));

    const allocated = async () => (await stat(join(scene.host.imagesPath, "home.luks"))).blocks * bytesPerBlock;

    const inVolume = (work: (jobDir: string) => Promise<void>) =>
      byHand(join(scene.host.imagesPath, "home.luks"), keyFile, (directory) => work(join(directory, "docs")));
    const snapshotNames = async () => (await scene.agent.snapshots("docs")).map(({ name }) => name);
    /** What the agent remembers of unfinished ones that have reached the host's disk. */
    const settledPartials = async (finished: readonly string[]) => {
      const text = await readFile(join(stateDir, "partials", "docs"), "utf8");
      const { partials }: { partials: Record<string, { settledMs?: number }> } = JSON.parse(text);
      const unfinished = Object.entries(partials).filter(([name]) => !finished.includes(name.replace(".partial", "")));
      return unfinished.flatMap(([name, { settledMs }]) => (settledMs === undefined ? [] : [name]));
    };
    /** As an administrator does it who has no luksmith. */
    const assertRestores = async (name: string) => {
      const expected = await fingerprint(source);
      await inVolume(async (jobDir) => {
        await mkdir(target);
        await run("cp", ["-a", join(jobDir, name, source), target]);
      });
      assert.equal(await fingerprint(join(target, basename(source))), expected);
      await rm(target, { recursive: true });
    };

    it("has snapshots that are read-only subvolumes, and share what has not changed", async () => {
      assertDone(await scene.agent.backup("docs"));
      await writeFile(join(source, "letter"), "dear both\n");
      await writeMiddle(large);
      // on the machine two files of their own from now on, in the volume still one with two names
      const [one, other] = ["plain.txt", "sub/hard-link.txt"].map((name) => join(rich, name));
      await run("cp", ["--preserve=all", `${one}`, join(disk, "copy")]);
      await run("mv", [join(disk, "copy"), `${other}`]);
      await run("chmod", ["600", `${one}`]);
      await rm(join(rich, "empty"));
      await rm(join(rich, "sub/deep"), { recursive: true });
      await writeFile(join(rich, "sub/deep"), "was a directory");
      assertDone(await scene.agent.backup("docs"));
      assertDone(await scene.agent.backup("docs"));
      const names = await snapshotNames();
      assert.equal(names.length, 3);
      await inVolume(async (jobDir) => {
        for (const name of names) {
          const { stdout } = await run("btrfs", ["property", "get", "-t", "subvol", join(jobDir, name), "ro"]);
          assert.equal(stdout.trim(), "ro=true");
        }
        const paths = names.map((name) => join(jobDir, name));
        const { stdout } = await run("btrfs", ["filesystem", "du", "--raw", "--summarize", ...paths]);
        const exclusive = stdout
          .split("\n")
          .slice(1, 4)
          .map((line) => Number(line.trim().split(/ +/)[1]));
        for (const bytes of exclusive) assert.ok(bytes < largeBytes / 8, stdout);
      });
      assertDone(await scene.agent.restore("docs", target));
      assert.equal(await fingerprint(join(target, source)), await fingerprint(source));
      await rm(target, { recursive: true });
    });

    it("goes on after a kill in the middle of a backup", async () => {
      await writeFile(join(source, "more"), randomBytes(5 * mebi));
      const finished = await snapshotNames();
      await scene.agent.stop();
      // slow enough for a part of it to be on the host's disk while the rest is still to come
      await scene.startAgent((config) => config.replace("docs: {", "docs: { bandwidthLimit: 300K,"));
      const { run: started } = await scene.agent.startBackup("docs");
      await until(async () => (await settledPartials(finished)).length > 0, "a part of it is on the host's disk");
      await scene.agent.stop("SIGKILL");
      await scene.startAgent();
      const { runs } = await scene.agent.runs();
      assert.equal(runs.find(({ id }) => id === started?.id)?.state, RunState.INTERRUPTED);
      const { run: ended, events } = await scene.agent.backup("docs");
      assert.equal(ended.state, RunState.DONE, ended.error?.message);
      const notes = notesOf(events);
      assert.ok(
        notes.some((note) => note.startsWith("going on with the interrupted snapshot")),
        notes.join("; "),
      );
      assertDone(await scene.agent.check("home"));
      assertDone(await scene.agent.verify("docs"));
      assert.deepEqual(
        (await scene.agent.snapshots("docs")).filter(({ partial }) => partial),
        [],
      );
      await assertRestores(ended.snapshot);
    });

    seldom(
      "leaves out what a file system hides that has been mounted since, and what is not a source any more",
      async () => {
        await run("mount", ["-t", "tmpfs", "none", join(rich, "sub")]);
        const hidden = await scene.agent.backup("docs").finally(() => run("umount", [join(rich, "sub")]));
        assertDone(hidden);
        await scene.agent.stop();
        await scene.startAgent((config) => config.replace(`sources: [${source}]`, `sources: [${rich}]`));
        const less = await scene.agent.backup("docs");
        assertDone(less);
        await inVolume(async (jobDir) => {
          const of = (name: string, path: string) => readdir(join(jobDir, name, path));
          assert.deepEqual(await of(hidden.run.snapshot, join(rich, "sub")), []);
          assert.deepEqual(await of(less.run.snapshot, source), [basename(rich)]);
          assert.deepEqual(await of(less.run.snapshot, "/"), ["srv"]);
        });
        await scene.agent.stop();
        await scene.startAgent();
      },
    );

    seldom("takes over a snapshot that is a directory, as an earlier version made it", async () => {
      const before = await scene.agent.backup("docs");
      assertDone(before);
      await inVolume(async (jobDir) => {
        const path = join(jobDir, before.run.snapshot);
        await run("cp", ["--archive", "--reflink=always", path, `${path}.copy`]);
        await run("btrfs", ["subvolume", "delete", path]);
        await run("mv", [`${path}.copy`, path]);
      });
      const after = await scene.agent.backup("docs");
      assertDone(after);
      assert.equal(Number(after.run.totals?.bytesCopied), 0);
      await inVolume(async (jobDir) => {
        const paths = [before, after].map(({ run: { snapshot } }) => join(jobDir, snapshot));
        const { stdout } = await run("stat", ["--format=%i", ...paths]);
        assert.match(stdout, /^(?!256\n)\d+\n256\n$/);
        const { stdout: shared } = await run("btrfs", ["filesystem", "du", "--raw", "--summarize", ...paths]);
        assert.ok(Number(shared.split("\n")[2]?.trim().split(/ +/)[1]) < mebi, shared);
      });
      await assertRestores(after.run.snapshot);
    });

    it("grows, to what the kernel takes, and is let alone otherwise", async () => {
      const imageBytes = async () => (await stat(join(scene.host.imagesPath, "home.luks"))).size;
      const restartWith = async (size: string) => {
        await scene.agent.stop();
        await scene.startAgent((config) => config.replace("256M", size));
      };
      assertDone(await scene.agent.resize("home"));
      await restartWith("264M");
      const refused = await scene.agent.resize("home");
      assert.equal(refused.run.error?.code, "usage", refused.run.error?.message);
      assert.match(refused.run.error?.hint ?? "", /to 272M or more/);
      assert.equal(await imageBytes(), 256 * mebi);
      await restartWith("320M");
      assertDone(await scene.agent.resize("home"));
      assert.equal(await imageBytes(), 320 * mebi);
    });

    it("gives back what was removed", async () => {
      await rm(large);
      assertDone(await scene.agent.backup("docs"));
      const older = (await scene.agent.snapshots("docs")).map(({ name }) => name).slice(0, -1);
      assertDone(await scene.agent.prune("docs", { snapshots: older }));
      await inVolume(async (jobDir) => {
        assert.equal((await run("btrfs", ["subvolume", "list", "-d", jobDir])).stdout, "");
      });
      const full = await allocated();
      const trimmed = await scene.agent.trim("home");
      assertDone(trimmed);
      const rest = await allocated();
      assert.ok(full - rest >= 0.8 * largeBytes, `${full} before, ${rest} after; ${trimmed.run.summary}`);
      assertDone(await scene.agent.verify("docs"));
    });

    it("has nothing to be repaired", async () => {
      const { run, events } = await scene.agent.check("home", { repair: true });
      assert.equal(run.error, undefined, run.error?.message);
      const notes = notesOf(events);
      assert.ok(notes.includes("there was nothing to repair"), notes.join("; "));
    });
  });
}
