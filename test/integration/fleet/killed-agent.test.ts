import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { Dispatch, Work } from "../../../proto/gen/luksmith/v1/fleet.ts";
import { RunState, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { enrol, FleetLife, stateDirectory } from "./fleet-life.ts";
import { ScriptedController, type Session, TestFleet } from "./scripted-controller.ts";

const dispatch = Dispatch.create({
  id: "d1",
  work: Work.create({ verb: Verb.BACKUP, job: "home" }),
  operator: "alice",
});

/** Another agent that gets the order, and is killed with SIGKILL when it has come to a certain point. */
async function killedAt(context: TestContext, where: string) {
  const fleet = await TestFleet.make();
  const controller = await ScriptedController.start(context, fleet);
  const stateDir = stateDirectory(context);
  await enrol(stateDir, fleet, [controller.address]);
  const program = new URL("killed-agent.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [program, stateDir, where], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  context.after(() => child.kill("SIGKILL"));
  const session = await controller.session();
  session.say({ $case: "dispatch", value: dispatch });
  const [said] = await Promise.race([once(createInterface(child.stdout), "line"), exited]);
  assert.equal(said, where);
  child.kill("SIGKILL");
  await exited;
  const next = await new FleetLife(stateDir).begin();
  context.after(() => next.end());
  return { controller, next, before: session, session: await controller.session(1) };
}

async function answerOf(session: Session): Promise<string> {
  const { runId, error } = await session.until("dispatchAnswer");
  assert.equal(error, undefined);
  return runId;
}

for (const where of ["accepted", "registered"]) {
  test(`killed when it was ${where}: the next agent begins it, once, also when it comes again`, async (t) => {
    const { next, session, before } = await killedAt(t, where);
    assert.deepEqual(before.all("dispatchAnswer"), []);
    session.say({ $case: "dispatch", value: dispatch });
    const runId = await answerOf(session);
    const report = await session.until("runReport", ({ run }) => run?.state === RunState.DONE);
    assert.deepEqual([report.run?.id, report.cause?.dispatchId], [runId, "d1"]);
    assert.equal(next.started.length, 1);
    assert.equal(next.runs.list().length, 1);
  });
}

test("killed in the run: it is told to be interrupted, and not begun again", async (t) => {
  const { next, session } = await killedAt(t, "begun");
  session.say({ $case: "dispatch", value: dispatch });
  const runId = await answerOf(session);
  const { run, cause } = await session.until("runReport", ({ run: told }) => told?.state === RunState.INTERRUPTED);
  assert.deepEqual([run?.id, run?.caller?.name, cause?.dispatchId], [runId, "alice via c1", "d1"]);
  assert.deepEqual(next.started, []);
});

test("killed after the run: how it ended is told by the next agent", async (t) => {
  const { next, session } = await killedAt(t, "ended");
  const runId = await answerOf(session);
  const { run } = await session.until("runReport", ({ run: told }) => told?.state === RunState.DONE);
  assert.equal(run?.id, runId);
  session.say({ $case: "dispatch", value: dispatch });
  await session.until("heartbeat");
  assert.deepEqual(next.started, []);
});
