import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { stateDirectory } from "../runs/agent-life.ts";
import { configText, ScheduledLife, until } from "./scheduled-life.ts";

interface Killed {
  readonly at: string;
  readonly attempts?: number;
  readonly where: "begun" | "written";
}

/** An agent that comes as far as that, and is killed there. */
async function killAgent(context: TestContext, directory: string, { at, attempts = 5, where }: Killed): Promise<void> {
  const program = new URL("killed-agent.ts", import.meta.url).pathname;
  const args = [program, directory, at, `${attempts}`, where];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  context.after(() => child.kill("SIGKILL"));
  const [line] = await Promise.race([once(createInterface(child.stdout), "line"), exited]);
  assert.equal(line, where, "the agent ended by itself");
  child.kill("SIGKILL");
  await exited;
}

/** With a schedule that is known, and nothing done. */
async function machine(context: TestContext): Promise<string> {
  const directory = stateDirectory(context);
  await new ScheduledLife(directory, "2026-03-09T12:00:00Z").begin().end();
  return directory;
}

function states(life: ScheduledLife, schedule = "jobs.home"): RunState[] {
  return life.runs
    .list()
    .filter(({ id }) => life.occurrences.causeOf(id)?.schedule === schedule)
    .map(({ state }) => state)
    .toReversed();
}

test("killed in the run: it is interrupted, and the occurrence is begun again, once", async (t) => {
  const directory = await machine(t);
  await killAgent(t, directory, { at: "2026-03-10T02:00:00Z", where: "begun" });
  const life = new ScheduledLife(directory, "2026-03-10T04:00:00Z").begin();
  await until(() => states(life).length === 2);
  await life.pass(30);
  assert.deepEqual(states(life), [RunState.INTERRUPTED, RunState.DONE]);
  for (const { id } of life.runs.list()) {
    assert.deepEqual(life.occurrences.causeOf(id)?.occurrence, new Date("2026-03-10T02:00:00Z"));
  }
  await life.end();
  const next = new ScheduledLife(directory, "2026-03-10T06:00:00Z").begin();
  await next.pass(30);
  assert.equal(states(next).length, 2, "it has ended");
  await next.end();
});

test("killed in the run for the second time: the next occurrence has to do", async (t) => {
  const directory = await machine(t);
  await killAgent(t, directory, { at: "2026-03-10T02:00:00Z", where: "begun" });
  await killAgent(t, directory, { at: "2026-03-10T03:00:00Z", where: "begun" });
  const life = new ScheduledLife(directory, "2026-03-10T04:00:00Z").begin();
  await life.pass(30);
  assert.deepEqual(states(life), [RunState.INTERRUPTED, RunState.INTERRUPTED]);
  await life.pass(24 * 60);
  assert.deepEqual(states(life), [RunState.INTERRUPTED, RunState.INTERRUPTED, RunState.DONE]);
  await life.end();
});

test("killed in the run, where a run may try but once: not again", async (t) => {
  const directory = await machine(t);
  await killAgent(t, directory, { at: "2026-03-10T02:00:00Z", attempts: 1, where: "begun" });
  const life = new ScheduledLife(directory, "2026-03-10T04:00:00Z", { config: configText(undefined, 1) }).begin();
  await life.pass(30);
  assert.deepEqual(states(life), [RunState.INTERRUPTED]);
  await life.end();
});

test("killed in the run, and a newer occurrence is due: one run, for that one", async (t) => {
  const directory = await machine(t);
  await killAgent(t, directory, { at: "2026-03-10T02:00:00Z", where: "begun" });
  const life = new ScheduledLife(directory, "2026-03-11T04:00:00Z").begin();
  await until(() => states(life).length === 2);
  await life.pass(30);
  assert.deepEqual(states(life), [RunState.INTERRUPTED, RunState.DONE]);
  const { id } = life.runs.get("last");
  assert.deepEqual(life.occurrences.causeOf(id)?.occurrence, new Date("2026-03-11T02:00:00Z"));
  await life.end();
  const next = new ScheduledLife(directory, "2026-03-11T06:00:00Z").begin();
  await next.pass(5);
  assert.equal(states(next).length, 2, "the older one is not begun again either");
  await next.end();
});

test("killed when it was written down and nothing had begun: begun, and that counts as the first time", async (t) => {
  const directory = await machine(t);
  for (const at of ["2026-03-10T02:00:00Z", "2026-03-10T02:10:00Z", "2026-03-10T02:20:00Z"]) {
    await killAgent(t, directory, { at, where: "written" });
  }
  const life = new ScheduledLife(directory, "2026-03-10T04:00:00Z").begin();
  await until(() => states(life).length === 1);
  await life.pass(30);
  assert.deepEqual(states(life), [RunState.DONE]);
  await life.end();
});

test("an agent that was stopped in the run begins it again when it is back, as often as that happens", async (t) => {
  const directory = await machine(t);
  for (const hour of ["02", "03", "04"]) {
    const life = new ScheduledLife(directory, `2026-03-10T${hour}:00:00Z`);
    life.work = ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
    life.begin();
    await until(() => life.running() === 1);
    await life.end();
  }
  // a kill after that is the first one
  await killAgent(t, directory, { at: "2026-03-10T05:00:00Z", where: "begun" });
  const life = new ScheduledLife(directory, "2026-03-10T06:00:00Z").begin();
  await until(() => states(life).length === 5 && life.running() === 0);
  await life.pass(30);
  const cancelled = RunState.CANCELLED;
  assert.deepEqual(states(life), [cancelled, cancelled, cancelled, RunState.INTERRUPTED, RunState.DONE]);
  await life.end();
});

test("an agent that ended before it could note that the run had ended does not begin it again", async (t) => {
  const directory = await machine(t);
  const life = new ScheduledLife(directory, "2026-03-10T02:00:00Z");
  const ends = Promise.withResolvers<void>();
  life.work = async () => {
    await ends.promise;
    return { state: "done", summary: "" };
  };
  life.begin();
  await until(() => life.running() === 1);
  await life.scheduler.close();
  ends.resolve();
  await life.runs.wait("last");
  await life.end();
  const next = new ScheduledLife(directory, "2026-03-10T03:00:00Z").begin();
  await next.pass(5);
  assert.deepEqual(states(next), [RunState.DONE]);
  await next.end();
});

test("one that somebody has cancelled is not begun again", async (t) => {
  const directory = await machine(t);
  const life = new ScheduledLife(directory, "2026-03-10T02:00:00Z");
  life.work = ({ signal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
  life.begin();
  await until(() => life.running() === 1);
  life.runs.cancel("last", { uid: 0, name: "root" });
  await until(() => life.running() === 0);
  await life.pass(5);
  await life.end();
  const next = new ScheduledLife(directory, "2026-03-10T05:00:00Z").begin();
  await next.pass(5);
  assert.deepEqual(states(next), [RunState.CANCELLED]);
  await next.end();
});
