/** Runs: one at a time per volume, followed from anywhere, cancelled, and what becomes of them when the agent ends. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { LuksmithError } from "../../common/errors.ts";
import { type RunEvent, RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { cheapKdf, configPath, identityFile, LabAgent, remoteLine, runtimeDir } from "./harness/lab-agent.ts";
import { assertNothingLeft, captureSystem } from "./harness/leak-check.ts";
import { SecondHost } from "./harness/second-host.ts";

const run = promisify(execFile);
const source = "/tmp/runs-source";

describe("runs", () => {
  let host: SecondHost;
  let agent: LabAgent;
  let config = "";

  before(async () => {
    await LabAgent.forget();
    host = await SecondHost.create({ identityFile });
    await mkdir(source, { recursive: true });
    await changeEverything();
    config = `
${remoteLine(host)}
volumes:
  home: { remote: vault, image: home.luks, size: 128M, ${cheapKdf} }
  other: { remote: vault, image: other.luks, size: 64M, ${cheapKdf} }
jobs:
  endless: { volume: home, sources: [${source}], bandwidthLimit: 30K }
  slow: { volume: home, sources: [${source}], bandwidthLimit: 1M }
  fast: { volume: home, sources: [${source}] }
  other: { volume: other, sources: [/usr/share/perl/5.36.0/Pod] }
`;
    agent = await LabAgent.start(config);
    await agent.trust();
    for (const volume of ["home", "other"]) {
      const { run: created } = await agent.create(volume);
      assert.equal(created.state, RunState.DONE, created.error?.message);
    }
  });
  afterEach(() => assertNothingLeft());
  after(async () => {
    await agent[Symbol.asyncDispose]();
    await host[Symbol.asyncDispose]();
    await assertNothingLeft();
  });

  /** Starts a backup that does not end by itself for minutes, and resolves when it is copying. */
  const copying = async (): Promise<string> => {
    await changeEverything();
    const { run: started } = await agent.startBackup("endless");
    const id = started?.id ?? "";
    await new Promise<void>((resolve, reject) => {
      agent
        .follow(id, ({ kind }) => {
          if (kind?.$case === "progress" && kind.value.bytesDone > 0) resolve();
        })
        .then(
          () => reject(new Error("it ended before it copied")),
          () => resolve(),
        );
    });
    return id;
  };

  it("have the volume for themselves; other volumes go on", async () => {
    const id = await copying();
    await assert.rejects(agent.startBackup("fast"), (error: LuksmithError) => {
      assert.equal(error.code, "locked");
      assert.equal(error.exitCode, 11);
      assert.ok(error.message.includes(id), error.message);
      return true;
    });
    const other = await agent.backup("other");
    assert.equal(other.run.state, RunState.DONE, other.run.error?.message);
    assert.deepEqual(
      (await agent.status()).running.map((running) => running.id),
      [id],
    );
    await agent.cancel(id);
    const { run: ended } = await agent.follow(id);
    assert.equal(ended.state, RunState.CANCELLED);
  });

  it("are replayed from the start and followed to the end, by as many as want to", async () => {
    const { run: started } = await agent.startBackup("slow");
    const id = started?.id ?? "";
    const gone = agent.follow(id).catch(() => undefined);
    const [first, second] = await Promise.all([agent.follow(id), agent.follow(id)]);
    await gone;
    assert.equal(first.run.state, RunState.DONE, first.run.error?.message);
    const recorded = (events: readonly RunEvent[]) =>
      events.filter(({ kind }) => kind?.$case !== "progress").map(({ seq }) => seq);
    assert.deepEqual(recorded(first.events), recorded(second.events));
    const later = await agent.follow(id);
    assert.deepEqual(recorded(later.events), recorded(first.events));
    assert.equal(first.events[0]?.seq, 1);
  });

  it("are ended by SIGTERM, unwound, and gone on with by the next", async () => {
    const id = await copying();
    assert.equal(await agent.stop("SIGTERM"), 0);
    await assertNothingLeft();
    agent = await LabAgent.start(config);
    const { run: ended } = await agent.follow(id);
    assert.equal(ended.state, RunState.CANCELLED);
    assert.match(ended.error?.message ?? "", /the agent is stopping/);
    const next = await agent.backup("fast");
    assert.equal(next.run.state, RunState.DONE, next.run.error?.message);
  });

  it("are marked interrupted after kill -9, and what they held is released before new work", async () => {
    const id = await copying();
    await agent.stop("SIGKILL");
    const held = await captureSystem();
    assert.ok(
      held.some(({ what }) => what === "mount") && held.some(({ what }) => what === "device"),
      "there is something to release",
    );
    agent = await LabAgent.start(config);
    await assertNothingLeft();
    const { run: ended } = await agent.follow(id);
    assert.equal(ended.state, RunState.INTERRUPTED);
    const next = await agent.backup("slow");
    assert.equal(next.run.state, RunState.DONE, next.run.error?.message);
    const verified = await agent.verify("slow");
    assert.equal(verified.run.state, RunState.DONE, verified.run.error?.message);
    assert.equal(verified.run.totals?.filesEqual, 20);
  });

  it("end when the connection is lost, and leave nothing hanging", async () => {
    const id = await copying();
    await host.stop();
    const { run: ended } = await agent.follow(id);
    assert.equal(ended.state, RunState.FAILED);
    assert.equal(ended.error?.code, "unreachable");
    await host.start();
    const next = await agent.backup("fast");
    assert.equal(next.run.state, RunState.DONE, next.run.error?.message);
  });

  it("belong to one agent: a second one does not start", async () => {
    const second = await run(process.execPath, ["dist/luksmith-agent.mjs", "--config", configPath]).catch(
      (error) => error,
    );
    assert.equal(second.code, new LuksmithError("locked", "").exitCode);
    assert.equal((await agent.status()).hostname.length > 0, true);
    assert.deepEqual((await readdir(runtimeDir)).includes("agent.sock"), true);
  });
});

async function changeEverything(): Promise<void> {
  for (let index = 0; index < 20; index += 1) await writeFile(join(source, `f${index}`), randomBytes(500_000));
}
