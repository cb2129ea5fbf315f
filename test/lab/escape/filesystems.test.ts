/** File systems that a user serves (FUSE): they say of files what they like, answer when they like, or never. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { promisify } from "node:util";
import { FileEntry_Type, RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { cheapKdf, cli } from "../harness/lab-agent.ts";
import { assertDone, Scene } from "../harness/scene.ts";
import { until } from "../harness/until.ts";
import { as, makePeople, people, source } from "./people.ts";

const run = promisify(execFile);
const home = "/home/alice";
const real = join(home, "real");
const served = join(home, "served");
/** In a source of root's. */
const inSource = join(source, "alice", "served");

async function prepare(): Promise<void> {
  await makePeople();
  // as udev has it
  await chmod("/dev/fuse", 0o666);
  for (const directory of [real, served, inSource]) await mkdir(directory);
  await writeFile(join(real, "program"), "#!/bin/sh\nid\n", { mode: 0o755 });
  await writeFile(join(real, "letter"), "a letter\n");
  await run("chown", ["-R", "alice:alice", real, served, inSource]);
  await chmod(join(real, "program"), 0o4755);
}

describe("a user's own file system", () => {
  const scene = Scene.set({
    prepare,
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${source}] }
  mine: { volume: home, user: alice, sourcesBelow: [${home}] }
access:
  - { users: [alice], jobs: [docs, mine], allow: [status, backup, snapshots, ls, restore, browse, verify, cancel] }
`,
    volumes: ["home"],
  });
  const mounted = new Set<string>();
  after(async () => {
    for (const place of mounted) await end(place);
  });

  /** @param place gets what is in `real`, with whatever else is said of it */
  async function serve(place: string, ...options: string[]): Promise<void> {
    assert.equal(await as("alice", "bindfs", "--no-allow-other", ...options, real, place), "");
    mounted.add(place);
  }

  async function bindfs(name: "STOP" | "KILL"): Promise<void> {
    await run("pkill", [`-${name}`, "--uid", "alice", "bindfs"]);
  }

  async function end(place: string): Promise<void> {
    await bindfs("KILL").catch(() => undefined);
    await run("umount", ["--lazy", place]);
    mounted.delete(place);
  }

  /** It is waited for: by somebody of alice's, in a call that it does not answer. */
  const isAsked = () =>
    until(async () => {
      const names = await readdir("/sys/fs/fuse/connections");
      const waiting = await Promise.all(
        names.map(async (name) => {
          const connection = join("/sys/fs/fuse/connections", name);
          const { uid } = await stat(connection);
          return uid === people.alice.uid && Number(await readFile(join(connection, "waiting"), "utf8")) > 0;
        }),
      );
      return waiting.includes(true);
    }, "the file system is asked");

  it("that calls its files root's, and setuid, makes none so", async () => {
    await serve(served, "--force-user=root", "--force-group=root");
    assert.match(await as("alice", "stat", "--format", "%U %A", join(served, "program")), /^root -rws/);
    const made = await cli(["backup", "mine", served], { as: people.alice });
    assert.equal(made.exitCode, 0, made.stderr);
    const entries = (await scene.agent.files("mine", served, true)).filter(({ type }) => type === FileEntry_Type.FILE);
    assert.deepEqual(
      entries.map(({ uid, gid, mode }) => [uid, gid, mode & 0o7000]),
      [1, 2].map(() => [people.alice.uid, people.alice.gid, 0]),
    );
    assertDone(await scene.agent.restore("mine", "/srv/back", {}));
    const program = await stat(join("/srv/back", served, "program"));
    assert.deepEqual([program.uid, program.mode & 0o7000], [people.alice.uid, 0]);
    const { run: verified } = await scene.agent.verify("mine");
    assert.equal(
      verified.totals?.filesDiffering ?? 0,
      0,
      "what differs is what it says of them, and not what is in them",
    );
    await end(served);
  });

  it("cannot be mounted over what is shown of a volume, and shows root nothing of itself", async () => {
    assertDone(await scene.agent.backup("docs"));
    const shown = await cli(["browse", "docs", "--detach"], { as: people.alice });
    assert.equal(shown.exitCode, 0, shown.stderr);
    const over = join(shown.stdout.toString().trimEnd(), "latest", source, "alice");
    assert.match(
      await as("alice", "bindfs", "--no-allow-other", "-o", "nonempty", real, over),
      /denied|not permitted|read-only|no write access/i,
    );
    assert.equal((await cli(["browse", "--end"], { as: people.alice })).exitCode, 0);
    // root may not look into it, and does not wait for it: of another file system nothing is taken
    await serve(inSource);
    try {
      await bindfs("STOP");
      const { run: taken } = await scene.agent.backup("docs");
      assert.ok(taken.state === RunState.DONE || taken.state === RunState.INCOMPLETE, taken.error?.message);
      const found = await scene.agent.files("docs", join(source, "alice"), true);
      assert.ok(!found.some(({ path }) => Buffer.from(path).toString().startsWith(`${inSource}/`)));
      const { run: written } = await scene.agent.restore("docs", "/", {
        overwrite: true,
        paths: [Buffer.from(join(source, "alice"))],
      });
      assert.ok(written.state === RunState.DONE || written.state === RunState.INCOMPLETE, written.error?.message);
    } finally {
      await end(inSource);
    }
  });

  it("that never answers holds nobody else up, and nothing once the run is cancelled", async (context) => {
    for (const command of [
      ["restore", "docs", "--to", served],
      ["verify", "mine"],
    ]) {
      const name = command.join(" ");
      await serve(served);
      try {
        await bindfs("STOP");
        const typed = cli(command, { as: people.alice });
        await isAsked();
        const { running } = await scene.agent.status();
        assert.equal(running.length, 1, name);
        const id = running[0]?.id ?? "";
        const cancelledMs = performance.now();
        assert.equal((await cli(["cancel", id], { as: people.alice })).exitCode, 0);
        const { run: ended } = await scene.agent.follow(id);
        context.diagnostic(`${name}: cancelled within ${Math.round(performance.now() - cancelledMs)} ms`);
        assert.equal(ended.state, RunState.CANCELLED, `${name}: ${ended.error?.message}`);
        assert.notEqual((await typed).exitCode, 0);
      } finally {
        await end(served);
      }
      assertDone(await scene.agent.backup("docs"));
    }
  });
});
