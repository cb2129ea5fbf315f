/** The real program, unbuilt, against the other end of the wire. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { credentials } from "@grpc/grpc-js";
import {
  AgentServiceClient,
  type GetStatusResponse,
  FleetConnection_State as State,
} from "../../../proto/gen/luksmith/v1/agent.ts";
import { Dispatch, ScheduleAssignment, Work } from "../../../proto/gen/luksmith/v1/fleet.ts";
import { Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { configText, enrol, stateDirectory } from "./fleet-life.ts";
import { ScriptedController, TestFleet, until } from "./scripted-controller.ts";

const program = new URL("../../../agent/main.ts", import.meta.url).pathname;

class AgentProcess {
  readonly child: ChildProcess;
  readonly client: AgentServiceClient;
  logged = "";

  private constructor(child: ChildProcess, socket: string) {
    this.child = child;
    this.client = new AgentServiceClient(`unix:${socket}`, credentials.createInsecure());
    child.stderr?.on("data", (chunk: Buffer) => {
      this.logged += chunk.toString();
    });
  }

  static async start(context: TestContext, directory: string): Promise<AgentProcess> {
    const socket = join(directory, "agent.sock");
    const file = join(directory, "agent.yaml");
    const runtimeDir = join(directory, "run");
    writeFileSync(
      file,
      `socket: { path: ${socket} }\nruntimeDir: ${runtimeDir}\n${configText(join(directory, "state"))}`,
    );
    const child = spawn(process.execPath, [program, "--config", file], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const agent = new AgentProcess(child, socket);
    context.after(async () => {
      agent.client.close();
      await agent.kill();
    });
    await until(
      () => agent.logged.includes('"ready"') || child.exitCode !== null,
      () => agent.logged,
    );
    assert.equal(child.exitCode, null, agent.logged);
    return agent;
  }

  status(): Promise<GetStatusResponse> {
    return new Promise((resolve, reject) => {
      this.client.getStatus({}, (error, response) => (error === null ? resolve(response) : reject(error)));
    });
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, "exit");
    this.child.kill(signal);
    await exited;
  }
}

test("the agent connects, is told what to do, keeps it, and finds its way back after a kill", async (t) => {
  const fleet = await TestFleet.make();
  const controller = await ScriptedController.start(t, fleet);
  const directory = stateDirectory(t);
  const stateDir = join(directory, "state");
  mkdirSync(stateDir);

  const alone = await AgentProcess.start(t, directory);
  assert.equal((await alone.status()).fleet?.state, State.NOT_ENROLLED);
  await alone.kill("SIGTERM");

  await enrol(stateDir, fleet, [controller.address]);
  const first = await AgentProcess.start(t, directory);
  const session = await controller.session();
  await session.until("heartbeat");
  const { fleet: status } = await first.status();
  assert.deepEqual([status?.state, status?.controller, status?.name], [State.CONNECTED, "c1", "web01"]);
  const work = Work.create({ verb: Verb.BACKUP, job: "home" });
  session.say({ $case: "dispatch", value: Dispatch.create({ id: "d1", work, operator: "alice" }) });
  const { error } = await session.until("dispatchAnswer");
  assert.deepEqual([error?.code, error?.message], ["not_found", "volume home has not been created yet"]);
  const assignment = ScheduleAssignment.create({ schedule: "nightly", work, cron: "0 2 * * *", timezone: "UTC" });
  session.say({ $case: "schedules", value: { revision: "r1", assignments: [assignment] } });
  await session.until("inventory");
  const home = (await first.status()).jobs.find(({ job }) => job === "home");
  assert.equal(home?.nextSchedule, "nightly");

  await first.kill();
  controller.stop();
  const second = await AgentProcess.start(t, directory);
  const waiting = await second.status();
  assert.equal(waiting.jobs.find(({ job }) => job === "home")?.nextSchedule, "nightly");
  await until(
    () => second.logged.includes("not connected to the controller"),
    () => second.logged,
  );
  await controller.listen();
  const later = await controller.session(1);
  assert.equal(later.hello?.schedulesRevision, "r1");
  assert.notEqual(later.hello?.instance, session.hello?.instance);
  await second.kill("SIGTERM");
  assert.equal(second.child.exitCode, 0, second.logged);
});
