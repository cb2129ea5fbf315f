/** A machine with a volume, and the controller of its fleet: what an operator has it do is really done. */

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { cli } from "./harness/lab-agent.ts";
import { LabController } from "./harness/lab-controller.ts";
import { homeAndDocs, Scene } from "./harness/scene.ts";
import { until } from "./harness/until.ts";

const source = "/srv/fleet-source";
const everyMinute = 'schedules: { often: { selector: env=lab, verb: backup, job: "*", cron: "* * * * *" } }\n';
const schedulesFile = "/srv/schedules.yaml";
const noSchedulesFile = "/srv/no-schedules.yaml";
const minuteMs = 60_000;

async function makeSource(): Promise<void> {
  await mkdir(source, { recursive: true });
  await writeFile(join(source, "letter"), "dear reader\n");
  await writeFile(schedulesFile, everyMinute);
  await writeFile(noSchedulesFile, "schedules: {}\n");
}

/** As libfaketime has it, from then on: a few seconds before a minute begins, and no more than that minute from the right time. */
function beforeTheMinute(): string {
  const time = new Date(Math.ceil(Date.now() / minuteMs) * minuteMs - 8000);
  return `@${time.toISOString().slice(0, 19).replace("T", " ")}`;
}

describe("a machine of a fleet", () => {
  const scene = Scene.set({ prepare: makeSource, config: homeAndDocs(source), volumes: ["home"] });
  let controller: LabController;
  before(async () => {
    controller = await LabController.begin();
  });
  after(() => controller?.[Symbol.asyncDispose]());

  const lastGood = async () => {
    const [machine] = (await controller.says("machines", "--jobs", "--json")).split("\n");
    return JSON.parse(machine ?? "{}").jobs?.[0]?.lastGood ?? undefined;
  };
  const isConnected = async () => /^lab1 +connected/m.test(await controller.says("machines"));
  const snapshots = async () =>
    (await controller.says("snapshots", "lab1", "docs", "--json")).trim().split("\n").length;

  it("backs up when an operator wants it, who then sees the snapshot, and its files if the machine allows that", async () => {
    const line = await controller.says("token", "create", "--name", "lab1", "--labels", "env=lab,place=here");
    const enrolled = await cli(line.trim().split(" ").slice(1));
    assert.equal(enrolled.exitCode, 0, enrolled.stderr);
    await until(isConnected, "the machine is connected");
    const ran = await controller.says("run", "name=lab1", "backup", "docs", "--all-machines");
    assert.match(ran, /^lab1\/\S+ +done .* snapshot /m);
    await until(async () => (await lastGood()) !== undefined, "the controller knows of the backup");
    assert.equal(await snapshots(), 1);
    assert.match(await controller.says("log", "lab1/last"), /copy/);
    const refused = await controller.fleet("ls", "lab1", "docs", source);
    assert.equal(refused.exitCode, 1, refused.stderr);
    assert.match(refused.stderr, /lab1 does not allow ls to the controller/);
  });

  it("backs up by the fleet's schedule, which outlives its agent, and reports it", async () => {
    const first = await lastGood();
    await controller.says("apply", "-f", schedulesFile, "--all-machines");
    const isKnown = async () => (await cli(["status", "--json"])).stdout.toString().includes('"nextSchedule":"often"');
    await until(isKnown, "the machine has the schedule");
    await scene.agent.stop();
    const allowing = (config: string) => `${config}controller: { allow: [status, log, backup, snapshots, ls] }\n`;
    await scene.startAgent(allowing, beforeTheMinute());
    await until(async () => (await lastGood()) !== first, "a backup by schedule is known to the controller");
    await controller.says("apply", "-f", noSchedulesFile, "--prune", "--yes");
    const isForgotten = async () => !(await cli(["status", "--json"])).stdout.toString().includes('"often"');
    await until(isForgotten, "the machine has no schedule any more");
    const noRun = async () => (await controller.says("status", "--json")).includes('"running":0');
    await until(noRun, "nothing is under way");
    // of the next minute's it may have begun one more; and one that the agent's end has cancelled is begun again
    const runs = (await controller.says("runs", "--schedule", "often", "--json")).trim().split("\n");
    const states = runs.map((text) => JSON.parse(text).run.state);
    const cancelled = states.filter((state) => state === "cancelled");
    assert.equal(states[0], "done");
    assert.ok(cancelled.length <= 1 && states.every((state) => ["done", "cancelled"].includes(state)), states.join());
    assert.ok((await snapshots()) >= 2);
    assert.match(await controller.says("ls", "lab1", "docs", source), /letter/);
  });

  it("is of no fleet any more when it is revoked", async () => {
    await controller.says("revoke", "lab1", "--yes");
    await until(async () => !(await isConnected()), "the machine is away");
    const left = await cli(["leave"]);
    assert.equal(left.exitCode, 0, left.stderr);
    assert.equal((await cli(["backup", "docs"])).exitCode, 0);
  });
});
