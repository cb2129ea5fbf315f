import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { LuksmithError } from "../../../common/errors.ts";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { AgentLife, backupOfHome, collect, stateDirectory, word } from "./agent-life.ts";

const { signal } = new AbortController();

/** Another agent with a run under way. @returns the run's id, and what kills it with SIGKILL */
async function otherAgent(context: TestContext, directory: string, verb: string) {
  const program = new URL("killed-agent.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [program, directory, verb], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const kill = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  context.after(kill);
  const lines = createInterface(child.stdout);
  const [id] = await Promise.race([once(lines, "line"), exited]);
  assert.equal(typeof id, "string", "the other agent ended by itself");
  return { id: String(id), kill };
}

test("two agents cannot share a state directory, and a killed one does not keep it", async (t) => {
  const directory = stateDirectory(t);
  const other = await otherAgent(t, directory, "VERB_BACKUP");
  assert.throws(
    () => new AgentLife(directory),
    (error) => error instanceof LuksmithError && error.code === "locked" && error.message.includes(directory),
  );
  await other.kill();
  await new AgentLife(directory).end();
});

for (const [verb, hint] of [
  ["VERB_BACKUP", "the next backup continues where it was"],
  ["VERB_RESTORE", "start it again: it continues where it was"],
]) {
  test(`${verb} whose agent was killed is interrupted, with all that was on record`, async (t) => {
    const directory = stateDirectory(t);
    const { id, kill } = await otherAgent(t, directory, verb ?? "");
    await kill();
    const next = new AgentLife(directory);
    const run = next.runs.get("last");
    assert.equal(run.id, id);
    assert.equal(run.state, RunState.INTERRUPTED);
    assert.deepEqual(run.error, {
      code: "interrupted",
      message: "the agent ended while the run was under way",
      hint,
    });
    assert.deepEqual(await next.runs.wait(id), run);
    assert.deepEqual(next.runs.running(), []);
    assert.equal(next.runs.heldBy("home"), undefined);

    const events = await collect(next.runs.watch(id, true, signal));
    const notes = Array.from({ length: 10 }, (_, n) => `note ${n}`);
    assert.deepEqual(events.map(word), ["started", "+connect", ...notes, "-connect", "+copy", "ended"]);
    assert.deepEqual(
      events.map(({ seq }) => seq),
      events.map((_, n) => n + 1),
    );
    assert.deepEqual(events.at(-1)?.kind, { $case: "ended", value: { run } });
    // the last sign of life is when it ended, not the time it was found
    assert.deepEqual(run.finishedAt, events.at(-2)?.time);

    const again = next.runs.start(backupOfHome, async () => ({ state: "done", summary: "" }));
    assert.ok(again.id > id || next.clock.now() < (run.startedAt ?? new Date(0)));
    await next.runs.wait(again.id);
    await next.end();

    const later = new AgentLife(directory);
    assert.deepEqual(later.runs.get(id), run, "it is marked for good");
    await later.end();
  });
}

test("an agent that stopped in order leaves nothing interrupted", async (t) => {
  const directory = stateDirectory(t);
  const first = new AgentLife(directory);
  const { id } = first.runs.start(backupOfHome, async () => ({ state: "done", summary: "" }));
  await first.runs.wait(id);
  await first.end();
  const next = new AgentLife(directory);
  assert.equal(next.runs.get(id).state, RunState.DONE);
  assert.deepEqual(
    next.logged.filter(({ msg }) => msg === "this run was interrupted"),
    [],
  );
  await next.end();
});
