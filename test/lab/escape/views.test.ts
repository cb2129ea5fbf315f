/** What a user is shown of a volume: it cannot be opened to others, put elsewhere, or kept. */

import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chown, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, describe, it } from "node:test";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { cheapKdf, cli } from "../harness/lab-agent.ts";
import { assertDone, Scene } from "../harness/scene.ts";
import { until } from "../harness/until.ts";
import { as, ask, bytes, makePeople, people, source, start } from "./people.ts";

/** In which alice is root. By default it gets a copy of every mount that there is, and hears of none after that. */
const namespace = ["unshare", "--user", "--map-root-user", "--mount", "--", "sh", "-c", "echo there; exec cat"];

/** A restore of it takes a while over a slow link. */
async function prepare(): Promise<void> {
  await makePeople();
  const large = join(source, "alice", "large");
  await writeFile(large, randomBytes(3_000_000));
  await chown(large, people.alice.uid, people.alice.gid);
}

describe("a view", () => {
  const scene = Scene.set({
    prepare,
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${source}] }
access:
  - { groups: [luksmith], jobs: [docs], allow: [status, browse, restore, ls] }
`,
    volumes: ["home"],
  });
  const holders: ChildProcess[] = [];
  after(() => holders.map((holder) => holder.kill("SIGKILL")));

  async function browse(): Promise<{ path: string; id: string }> {
    const opened = await cli(["browse", "docs", "--detach"], { as: people.alice });
    assert.equal(opened.exitCode, 0, opened.stderr);
    const [newest] = (await scene.agent.runs({ limit: 1 })).runs;
    assert.ok(newest);
    return { path: opened.stdout.toString().trimEnd(), id: newest.id };
  }

  function startNamespace(): Promise<ChildProcess> {
    const [file = "", ...args] = namespace;
    return start("alice", file, ...args).then((child) => {
      holders.push(child);
      return child;
    });
  }

  function within({ pid }: ChildProcess, ...command: string[]): Promise<string> {
    const into = ["--preserve-credentials", "--user", "--mount", "--target", `${pid}`, "--"];
    return as("alice", "nsenter", ...into, ...command);
  }

  it("is closed to others, also from a mount namespace that is older than it; and a younger one does not keep it", async () => {
    assertDone(await scene.agent.backup("docs"));
    const older = await startNamespace();
    const { path, id } = await browse();
    const own = dirname(path);
    for (const attempt of [
      ["chmod", "777", own],
      ["mv", path, `${own}/x`],
      ["ln", "-s", "/etc", `${own}/y`],
    ]) {
      assert.match(await within(older, ...attempt), /not permitted|denied/, attempt.join(" "));
      assert.match(
        await as("alice", ...(attempt as [string, ...string[]])),
        /Read-only file system|busy|superuser|denied/,
      );
    }
    assert.match(await as("alice", "stat", "-c", "%a", own), /^500/);
    assert.match(await as("bob", "ls", own), /Permission denied/);
    assert.equal(await as("alice", "ls", own), "docs\n");

    const newer = await startNamespace();
    // where alice is root, she is no more than alice to the view
    assert.match(await within(newer, "cat", `${path}/latest/etc/shadow`), /No such file|denied|Too many levels/);
    assert.match(
      await within(newer, "umount", path),
      /not permitted|Invalid argument|must be superuser|busy|not mounted/,
    );
    const ended = await cli(["browse", "--end"], { as: people.alice });
    assert.equal(ended.exitCode, 0, ended.stderr);
    const { run } = await scene.agent.follow(id);
    assert.equal(run.state, RunState.DONE, run.error?.message);
    assertDone(await scene.agent.backup("docs"));
  });

  it("of a restore is the same, and a process that stands in it is ended", async () => {
    await scene.host.setLink({ rttMs: 20, mbit: 1 });
    const asked = ask("alice", [
      { method: "restore", request: { job: "docs", target: bytes("/home/alice/back") }, follow: true },
    ]);
    // by the working directory of her own rsync she finds where it is
    const find =
      "find /proc -maxdepth 2 -name cwd -lname '/run/luksmith/views/*' -printf '%l\\n' 2>/dev/null | head -1";
    let own = "";
    await until(async () => {
      own = /^\/run\/luksmith\/views\/[^/]+/.exec(await as("alice", "sh", "-c", find))?.[0] ?? "";
      return own !== "";
    }, "the view to be found");
    const standing = await start(
      "alice",
      "sh",
      "-c",
      `cd ${own}/snapshot && trap '' HUP && echo there && exec sleep 1000`,
    );
    holders.push(standing);
    assert.match(await as("alice", "chmod", "777", own), /Read-only file system/);
    assert.match(await as("bob", "ls", own), /Permission denied/);
    await scene.host.setLink({ rttMs: 0 });
    const [answer] = await asked;
    assert.equal(answer?.ended?.state, RunState.INCOMPLETE, JSON.stringify(answer?.ended));
    assert.match(await as("bob", "ls", own), /No such file/);
    assertDone(await scene.agent.backup("docs"));
  });
});
