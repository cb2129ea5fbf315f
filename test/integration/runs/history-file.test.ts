import assert from "node:assert/strict";
import { chmodSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { migrations } from "../../../agent/runs/migrations.ts";
import { RunCauses } from "../../../agent/runs/run-causes.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { AgentLife, backupOfHome, collect, stateDirectory } from "./agent-life.ts";

async function oneRun(directory: string, notes = 0): Promise<string> {
  const life = new AgentLife(directory);
  const { id } = life.runs.start(backupOfHome, async (context) => {
    for (let n = 0; n < notes; n += 1) context.note(`note ${n} ${"x".repeat(100)}`);
    return { state: "done", summary: "" };
  });
  await life.runs.wait(id);
  await life.end();
  return id;
}

test("the history is readable to nobody else, its log included, also when it was", async (t) => {
  const parent = stateDirectory(t);
  const directory = join(parent, "state");
  const file = join(directory, "agent.db");
  await oneRun(directory);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(directory), ["agent.db"], "a clean end leaves one file");
  chmodSync(file, 0o644);
  const life = new AgentLife(directory);
  life.store.prune(new Date());
  life.runs.start(backupOfHome, async () => ({ state: "done", summary: "" }));
  for (const name of readdirSync(directory)) assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name);
  await life.end();
});

test("each run outlives the agent", async (t) => {
  const directory = stateDirectory(t);
  const ids = [await oneRun(directory), await oneRun(directory)];
  const life = new AgentLife(directory);
  assert.deepEqual(
    life.runs.list().map(({ id, state }) => [id, state]),
    ids.toReversed().map((id) => [id, RunState.DONE]),
  );
  assert.ok((ids[0] ?? "") < (ids[1] ?? ""), "ids go on where the agent before left off");
  await life.end();
});

test("a newer schema stops the agent with a hint, and is left as it is", async (t) => {
  const directory = stateDirectory(t);
  await oneRun(directory);
  const file = join(directory, "agent.db");
  const newer = new DatabaseSync(file);
  newer.exec(`pragma user_version = ${migrations.length + 1}`);
  newer.close();
  const before = readFileSync(file);
  assert.throws(
    () => new AgentLife(directory),
    (error) =>
      error instanceof LuksmithError &&
      error.code === "config" &&
      error.message.includes(file) &&
      error.hint?.includes("install the newer luksmith again") === true,
  );
  assert.deepEqual(readFileSync(file), before);
  assert.deepEqual(readdirSync(directory), ["agent.db"]);
});

test("a history of before there were schedules is gone on with", async (t) => {
  const directory = stateDirectory(t);
  const before = new DatabaseSync(join(directory, "agent.db"));
  for (const step of migrations.slice(0, 2)) before.exec(step);
  before.exec("pragma user_version = 2");
  before.exec(`insert into runs values ('0123456789', 'VERB_BACKUP', 'home', 'home', '', 'RUN_STATE_DONE', 0, 1, 2, 0, 'root', null, null,
    null, '', '{}')`);
  before.close();
  const life = new AgentLife(directory);
  assert.equal(life.runs.get("0123456789").state, RunState.DONE);
  const causes = new RunCauses(life.store);
  assert.equal(causes.get("0123456789"), undefined);
  const cause = { schedule: "", occurrence: undefined, dispatchId: "d1" };
  causes.put("0123456789", cause);
  causes.put("0000000001", cause);
  causes.put("zzzzzzzzz0", cause);
  assert.deepEqual(causes.get("0123456789"), cause);
  assert.deepEqual(causes.get("zzzzzzzzz0"), cause, "its run is about to be on record");
  assert.equal(causes.get("0000000001"), undefined, "its run is forgotten");
  await life.end();
});

test("a migration that fails is undone as a whole", async (t) => {
  const directory = stateDirectory(t);
  // a table of ours without our version: the first step cannot make it again
  const odd = new DatabaseSync(join(directory, "agent.db"));
  odd.exec("create table events (other text)");
  odd.close();
  const life = new AgentLife(directory);
  assert.equal(life.store.notKeptBecause?.code, "internal");
  await life.end();
  const after = new DatabaseSync(join(directory, "agent.db"), { readOnly: true });
  assert.equal(after.prepare("pragma user_version").get()?.user_version, 0);
  assert.deepEqual(
    after
      .prepare("select name from sqlite_schema")
      .all()
      .map(({ name }) => name),
    ["events"],
  );
  after.close();
});

const damages: readonly (readonly [string, (file: string) => void])[] = [
  ["overwritten with something else", (file) => writeFileSync(file, "all your base\n".repeat(1000))],
  ["cut in half", (file) => truncateSync(file, Math.floor(statSync(file).size / 8192) * 4096)],
  [
    "with a page of garbage",
    (file) => {
      const bytes = readFileSync(file);
      bytes.fill(0xa5, 4096, 8192);
      writeFileSync(file, bytes);
    },
  ],
];

for (const [name, damage] of damages) {
  test(`a history that is ${name} is moved aside, said, and a new one begins`, async (t) => {
    const directory = stateDirectory(t);
    const file = join(directory, "agent.db");
    await oneRun(directory, 3000);
    damage(file);
    const damaged = readFileSync(file);
    const life = new AgentLife(directory);
    assert.deepEqual(life.errors(), ["the history of runs was damaged: moved aside, a new one begins"]);
    assert.deepEqual(life.runs.list(), []);
    assert.deepEqual(readFileSync(`${file}.damaged`), damaged);
    assert.ok(life.store.isReplacement);
    life.store.recallLater(["home", "docs"]);
    await life.end();
    const id = await oneRun(directory);
    const next = new AgentLife(directory);
    assert.equal(next.runs.get("last").id, id);
    assert.ok(!next.store.isReplacement);
    assert.deepEqual(next.store.volumesToRecall(), ["docs", "home"]);
    await next.end();
  });
}

test("damage that is found later is told to who reads it, costs other runs nothing, and is moved aside at the end", async (t) => {
  const directory = stateDirectory(t);
  const file = join(directory, "agent.db");
  // too large to be checked as a whole at each start
  const ids: string[] = [];
  while (ids.length === 0 || statSync(file).size < 10 * 2 ** 20) ids.push(await oneRun(directory, 10_000));
  const bytes = readFileSync(file);
  bytes.fill(0xa5, 4 * 2 ** 20);
  writeFileSync(file, bytes);

  const life = new AgentLife(directory);
  assert.equal(life.runs.list({ limit: 1000 }).length, ids.length);
  const newest = life.runs.watch(ids.at(-1) ?? "", false, new AbortController().signal);
  await assert.rejects(
    collect(newest),
    (error) => error instanceof LuksmithError && error.code === "internal" && error.message.includes("it is damaged"),
  );
  const { id } = life.runs.start(backupOfHome, async () => ({ state: "done", summary: "" }));
  assert.equal((await life.runs.wait(id)).state, RunState.DONE);
  await life.end();
  assert.deepEqual(readdirSync(directory), ["agent.db.damaged"]);
  assert.equal(life.errors().at(-1), "the history of runs is damaged: moved aside");
  const next = new AgentLife(directory);
  assert.deepEqual(next.runs.list(), []);
  assert.ok(next.store.isReplacement);
  await next.end();
});

test("the first history of all takes the place of none", async (t) => {
  const life = new AgentLife(stateDirectory(t));
  assert.ok(!life.store.isReplacement);
  await life.end();
});
