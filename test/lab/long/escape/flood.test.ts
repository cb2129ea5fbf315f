/** Too much of everything, sent to the real agent by somebody who may speak to it: root and others are answered all the same. */

import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { promisify } from "node:util";
import { RunState } from "../../../../proto/gen/luksmith/v1/types.ts";
import { ask, bytes, makePeople, people, source } from "../../escape/people.ts";
import { cheapKdf, cli } from "../../harness/lab-agent.ts";
import { assertDone, Scene } from "../../harness/scene.ts";
import { until } from "../../harness/until.ts";

const run = promisify(execFile);
/** Of all that one user can have sent to it at a time, generously. */
const grownMostKiB = 200 * 1024;
const files = 3000;

async function prepare(): Promise<void> {
  await makePeople();
  for (let number = 0; number < files; number += 1) {
    await writeFile(join(source, "alice", `${`${number}`.padStart(5, "0")}-${"long".repeat(50)}`), "");
  }
  await run("chown", ["-R", "alice:alice", join(source, "alice")]);
}

describe("too much of everything", () => {
  const scene = Scene.set({
    prepare,
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${source}] }
access:
  - { users: [alice, bob], jobs: [docs], allow: [status, snapshots, ls, restore] }
`,
    volumes: ["home"],
  });
  const floods: ChildProcess[] = [];
  after(() => floods.map((flood) => flood.kill("SIGKILL")));

  /** Until it is killed. Everything is loaded before it becomes alice. */
  async function flood(what: string): Promise<ChildProcess> {
    const { stdout } = await run("getent", ["group", "luksmith"]);
    const gid = stdout.split(":")[2] ?? "";
    const program = "dist/lab/escape/programs/flood.mjs";
    const args = [program, "/run/luksmith/agent.sock", `${people.alice.uid}`, gid, what];
    const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
    floods.push(child);
    const [said] = await once(child.stdout, "data");
    assert.equal(String(said), "ready\n", what);
    return child;
  }

  async function residentKiB(): Promise<number> {
    const status = await readFile(`/proc/${scene.agent.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
  }

  async function assertOthersServed(what: string): Promise<void> {
    const typed = await cli(["status"]);
    assert.equal(typed.exitCode, 0, `${what}: ${typed.stderr}`);
    const [bobs] = await ask("bob", [{ method: "getStatus" }]);
    assert.equal(bobs?.status, 0, `${what}: ${JSON.stringify(bobs)}`);
  }

  it("keeps nobody else out, and takes no more memory than one user may have", async () => {
    assertDone(await scene.agent.backup("docs"));
    // with an event for each file
    const [listed] = await ask("alice", [
      { method: "restore", request: { job: "docs", target: bytes("/home/alice/back"), dryRun: true }, follow: true },
    ]);
    assert.equal(listed?.ended?.state, RunState.DONE, JSON.stringify(listed?.ended));
    await assertOthersServed("before");
    const before = await residentKiB();
    for (const what of ["connections", "unfinished", "calls", "resets", "headers", "endless", "slow"]) {
      const child = await flood(what);
      await assertOthersServed(what);
      const grown = (await residentKiB()) - before;
      console.log(`${what}: ${Math.round(grown / 1024)} MiB more`);
      assert.ok(grown < grownMostKiB, `${what}: ${Math.round(grown / 1024)} MiB more`);
      child.kill("SIGKILL");
      await once(child, "close");
    }
    // what she has let go of she can have again
    await until(
      async () => (await ask("alice", [{ method: "getStatus" }]))[0]?.status === 0,
      "alice to be served again",
    );
    const lines = (await cli(["audit", "--user", "alice", "--refused", "--all", "--json"])).stdout
      .toString()
      .trim()
      .split("\n");
    const refused = lines.map((line) => JSON.parse(line)).filter(({ verb }) => verb === "connect");
    assert.equal(refused.length, 500 - 32);
    assert.match(refused[0]?.reason, /^32 connections of this user are open already/);
    assert.equal(scene.agent.log.filter((text) => text.includes('"level":50')).length, 0, "nothing failed inside");
  });

  it("does not push what others did out of the audit log", async () => {
    const asked = 300;
    // six bytes of JSON for each character
    const job = "\u0001".repeat(200);
    const calls = Array.from({ length: asked }, () => ({ method: "backup", request: { job } }));
    const answers = await ask("alice", calls);
    assert.ok(answers.every(({ code }) => code === "denied"));
    const read = async (...more: string[]) =>
      (await cli(["audit", "--user", "alice", "--verb", "backup", "--all", "--json", ...more])).stdout
        .toString()
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
    const lines = await read();
    const counted = Number(/^(\d+) like this since/.exec(lines.at(-1)?.reason)?.[1]);
    assert.ok(lines.length < asked, `${lines.length} lines`);
    assert.equal(lines.length - 1 + counted, asked);
    await scene.agent.stop();
    await scene.startAgent();
    assert.deepEqual(
      (await read()).at(-1)?.reason,
      lines.at(-1)?.reason,
      "an agent that ends writes down what it has counted",
    );
  });
});
