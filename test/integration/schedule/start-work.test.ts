/** Work that cannot begin says why, before there is a run. What begins is in test/lab. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { UserDatabase } from "../../../agent/access/user-database.ts";
import { parseAgentConfig } from "../../../agent/config/agent-config.ts";
import { startWork } from "../../../agent/verbs/start-work.ts";
import { PinStore } from "../../../agent/volume/pin.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { makeExec } from "../../../common/exec.ts";
import { Work } from "../../../proto/gen/luksmith/v1/fleet.ts";
import { Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { AgentLife, stateDirectory } from "../runs/agent-life.ts";
import { configText } from "./scheduled-life.ts";

test("what the configuration does not have, and what nobody may have done from afar", async (t) => {
  const directory = stateDirectory(t);
  const life = new AgentLife(directory);
  const { exec, start } = makeExec();
  const host = {
    exec,
    start,
    clock: life.clock,
    log: life.log,
    runtimeDir: join(directory, "run"),
    stateDir: directory,
  };
  const machine = {
    config: parseAgentConfig(configText(), "agent.yaml"),
    host,
    pins: new PinStore(directory),
    runs: life.runs,
    users: new UserDatabase(exec, life.clock),
  };
  const caller = { uid: 0, name: "schedule nightly" };
  for (const [work, code, message] of [
    [{ verb: Verb.BACKUP, job: "nowhere" }, "not_found", /there is no job "nowhere"/],
    [{ verb: Verb.BACKUP, job: "*" }, "not_found", /there is no job "\*"/],
    [{ verb: Verb.TRIM, volume: "nowhere" }, "not_found", /there is no volume "nowhere"/],
    [{ verb: Verb.BACKUP, job: "home" }, "not_found", /home/],
    [{ verb: Verb.CHECK_VOLUME, volume: "home" }, "not_found", /home/],
    [{ verb: Verb.VERIFY, job: "home", level: "everything" }, "usage", /no such level/],
    [{ verb: Verb.VERIFY, job: "home", level: "constructor" }, "usage", /no such level/],
    [{ verb: Verb.PRUNE, job: "home" }, "usage", /keep/],
    [{ verb: Verb.RESTORE, job: "home" }, "usage", /nothing that a schedule/],
    [{ verb: Verb.ROTATE_KEY, volume: "home" }, "usage", /nothing that a schedule/],
    [{}, "usage", /nothing that a schedule/],
  ] as const) {
    await assert.rejects(startWork(machine, Work.create(work as never), { caller }), (error) => {
      assert.ok(error instanceof LuksmithError);
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      return true;
    });
  }
  assert.deepEqual(life.runs.list(), []);
  await life.end();
});
