import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { takeOver } from "../../../agent/backup/interrupted.ts";
import { PartialStates } from "../../../agent/backup/partial-states.ts";
import type { SourcedJob } from "../../../agent/backup/sourced-job.ts";
import { systemClock } from "../../../common/clock.ts";
import { makeExec } from "../../../common/exec.ts";
import { makeLog } from "../../../common/log.ts";
import { scratch } from "../tools/scratch.ts";

const { exec } = makeExec();
const host = { exec, clock: systemClock, log: makeLog("test", "fatal"), runtimeDir: "/run/luksmith" };
const run = {
  step: <T>(_name: string, work: () => Promise<T>) => work(),
  note: () => undefined,
  progress: () => undefined,
};
const never = new AbortController().signal;

const bigBytes = 300_000;
const first = "2026-11-25T02-00-00Z.partial";
const second = "2026-11-25T03-00-00Z.partial";

const entries = [first, second].map((name) => ({ name: name.replace(".partial", ""), partial: true, misdated: false }));

/** A machine with a job, and unfinished snapshots of it. */
class Machine {
  readonly source: string;
  /** As if the volume were mounted there. */
  readonly filesDir: string;
  readonly jobDir: string;
  readonly job: SourcedJob;
  readonly exclude: string[] = [];
  readonly #stateDir: string;

  constructor(context: TestContext) {
    const directory = scratch(context);
    this.source = join(directory, "source");
    this.filesDir = join(directory, "files");
    this.jobDir = join(this.filesDir, "job");
    this.#stateDir = join(directory, "state");
    for (const made of [this.source, join(this.jobDir, first)]) mkdirSync(made, { recursive: true });
    const selection = { sources: [this.source], exclude: this.exclude, oneFileSystem: false };
    this.job = { name: "job", volume: "volume", ...selection } as never;
  }

  states(): Promise<PartialStates> {
    const spec = { exec, clock: systemClock, stateDir: this.#stateDir, filesDir: this.filesDir, signal: never };
    return PartialStates.read(spec, this.job, entries);
  }

  /** A file of the source. */
  make(name: string, bytes = bigBytes): Buffer {
    const content = randomBytes(bytes);
    writeFileSync(join(this.source, name), content);
    return content;
  }

  /** Where a file of the source is in an unfinished snapshot. */
  in(partial: string, name: string): string {
    return join(this.jobDir, partial, this.source, name);
  }

  /** Puts it there, with the time of the source's file if there is one of that name. */
  put(partial: string, name: string, content: Uint8Array): string {
    const path = this.in(partial, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    const original = join(this.source, name);
    if (existsSync(original)) utimesSync(path, lstatSync(original).atime, lstatSync(original).mtime);
    return path;
  }

  async takeOver(interrupted: string[], into: string): Promise<PartialStates> {
    const states = await this.states();
    await takeOver(host, this.job, { jobDir: this.jobDir, interrupted, into, states }, run, never);
    return this.states();
  }
}

/** So that what was changed until then is taken for written out, and no clock for wrong: see unfinished.ts. */
function justAfter(path: string): number {
  return Math.ceil(lstatSync(path).ctimeMs) + 2001;
}

function altered(content: Buffer): Buffer {
  const copy = Buffer.from(content);
  copy.fill(0, 100_000, 104_096);
  return copy;
}

test("a large file that has its size and time, but not all of its contents, is completed", async (t) => {
  const machine = new Machine(t);
  const content = machine.make("big");
  const hole = Buffer.concat([randomBytes(200_000), Buffer.alloc(100_000)]);
  writeFileSync(join(machine.source, "hole"), hole);
  machine.put(first, "big", altered(content));
  const holed = machine.put(first, "hole", Buffer.alloc(0));
  truncateSync(holed, hole.length);
  await (await machine.states()).begin(first);
  const states = await machine.takeOver([first], first);
  assert.deepEqual(readFileSync(machine.in(first, "big")), content);
  assert.deepEqual(readFileSync(holed), hole);
  assert.notEqual(states.of(first)?.settledMs, undefined);
  assert.equal(states.of(first)?.isClosed, false);
});

test("a small one is removed", async (t) => {
  const machine = new Machine(t);
  const small = machine.put(first, "small", machine.make("small", 1000));
  await (await machine.states()).begin(first);
  await machine.takeOver([first], first);
  assert.equal(existsSync(small), false);
});

test("what had been written out before is left as it is", async (t) => {
  const machine = new Machine(t);
  const content = machine.make("big");
  const small = machine.put(first, "small", machine.make("small", 1000));
  const big = machine.put(first, "big", altered(content));
  const states = await machine.states();
  await states.begin(first);
  await states.settle(first, justAfter(big));
  await machine.takeOver([first], first);
  assert.equal(readFileSync(small).length, 1000);
  assert.deepEqual(readFileSync(big), altered(content), "nobody has looked at it");
});

test("a file that rsync had not finished is moved into the new snapshot, and completed there", async (t) => {
  const machine = new Machine(t);
  const content = machine.make("big");
  const temporary = machine.put(first, ".big.aB3xYz", content.subarray(0, 200_000));
  const states = await machine.states();
  await states.begin(first);
  await states.begin(second);
  const after = await machine.takeOver([first], second);
  assert.equal(existsSync(temporary), false);
  assert.deepEqual(readFileSync(machine.in(second, "big")), content);
  assert.equal(after.of(first)?.isClosed, true);
});

test("one that merely looks like that takes no other one's place", async (t) => {
  const machine = new Machine(t);
  const content = machine.make("db");
  machine.make(".db.backup", bigBytes - 1);
  const whole = machine.put(first, "db", content);
  const states = await machine.states();
  await states.begin(first);
  await states.settle(first, justAfter(whole));
  machine.put(first, ".db.backup", randomBytes(bigBytes - 1));
  await machine.takeOver([first], first);
  assert.deepEqual(readFileSync(whole), content);
  assert.equal(existsSync(machine.in(first, ".db.backup")), false);
});

test("files of another selection are not completed, since they may not belong there", async (t) => {
  const machine = new Machine(t);
  const content = machine.make("big");
  const big = machine.put(first, "big", altered(content));
  const states = await machine.states();
  await states.begin(first);
  machine.exclude.push("*.tmp");
  await (await machine.states()).begin(second);
  await machine.takeOver([first], second);
  assert.equal(existsSync(big), false);
  assert.equal(existsSync(machine.in(second, "big")), false);
});

test("what the machine does not have, or cannot read, any more does not stay half", async (t) => {
  const machine = new Machine(t);
  const gone = machine.put(first, "gone", randomBytes(bigBytes));
  machine.make("unreadable");
  mkdirSync(join(machine.source, "directory"));
  const directory = machine.put(first, "directory", randomBytes(bigBytes));
  const half = machine.put(first, "unreadable", randomBytes(bigBytes));
  const isRoot = process.getuid?.() === 0;
  // root reads everything: for root it is completed
  chmodSync(join(machine.source, "unreadable"), 0o000);
  await (await machine.states()).begin(first);
  await machine.takeOver([first], first);
  assert.equal(existsSync(gone), false);
  assert.equal(existsSync(directory), false);
  assert.equal(existsSync(half), isRoot);
});

test("a file that shares its contents with an earlier snapshot is never written into", async (t) => {
  const machine = new Machine(t);
  const content = machine.make("big");
  const finished = join(machine.jobDir, "finished");
  writeFileSync(finished, altered(content));
  mkdirSync(dirname(machine.in(first, "big")), { recursive: true });
  linkSync(finished, machine.in(first, "big"));
  await (await machine.states()).begin(first);
  await machine.takeOver([first], first);
  assert.deepEqual(readFileSync(finished), altered(content));
});

test("one that vanishes meanwhile costs the others nothing", async (t) => {
  const machine = new Machine(t);
  const content = machine.make("big");
  machine.make("log");
  machine.put(first, ".big.aB3xYz", content.subarray(0, 200_000));
  const log = machine.put(first, "log", randomBytes(bigBytes));
  await (await machine.states()).begin(first);
  const states = await machine.states();
  const step = <T>(_name: string, work: () => Promise<T>) => {
    rmSync(join(machine.source, "log"));
    return work();
  };
  const spec = { jobDir: machine.jobDir, interrupted: [first], into: first, states };
  await takeOver(host, machine.job, spec, { ...run, step }, never);
  assert.deepEqual(readFileSync(machine.in(first, "big")), content);
  assert.equal(existsSync(log), false);
});

test("what the backup host's disk has forgotten is not relied on", async (t) => {
  const machine = new Machine(t);
  const content = machine.make("big");
  machine.put(first, "big", altered(content));
  const states = await machine.states();
  await states.begin(first);
  await states.settle(first, Date.now() + 1000);
  // as it was before
  rmSync(join(machine.filesDir, ".luksmith"), { recursive: true });
  assert.equal((await machine.states()).of(first)?.settledMs, undefined);
  await machine.takeOver([first], first);
  assert.deepEqual(readFileSync(machine.in(first, "big")), content);
});

test("the older of two ages counts, and what is closed on both sides is closed", async (t) => {
  const machine = new Machine(t);
  const states = await machine.states();
  await states.begin(first);
  await states.settle(first, 1000);
  const record = join(machine.filesDir, ".luksmith/partials/job");
  const before = readFileSync(record);
  await states.settle(first, 2000);
  await states.close([first]);
  assert.deepEqual(
    [(await machine.states()).of(first)?.settledMs, (await machine.states()).of(first)?.isClosed],
    [2000, true],
  );
  writeFileSync(record, before);
  assert.deepEqual(
    [(await machine.states()).of(first)?.settledMs, (await machine.states()).of(first)?.isClosed],
    [1000, false],
  );
});

test("what is forgotten stays so", async (t) => {
  const machine = new Machine(t);
  const states = await machine.states();
  await states.begin(first);
  await states.forget(first);
  assert.equal((await machine.states()).of(first), undefined);
  assert.equal((await machine.states()).workedMs(first), undefined);
});
