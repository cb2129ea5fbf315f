/** What had come of large files when a restore was cut short. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { copyBatch } from "../../../agent/restore/batch.ts";
import { finishUnderWay, underWayName } from "../../../agent/restore/under-way.ts";
import type { RunContext } from "../../../agent/runs/context.ts";
import type { Host } from "../../../agent/system/host.ts";
import { systemClock } from "../../../common/clock.ts";
import { makeExec } from "../../../common/exec.ts";
import { scratch } from "../tools/scratch.ts";

const signal = new AbortController().signal;
const host = { ...makeExec(), clock: systemClock } as unknown as Host;
const mebi = 2 ** 20;

class Restore {
  readonly aside = underWayName();
  readonly from: string;
  readonly into: string;
  readonly notes: string[] = [];
  readonly bytes: number[] = [];
  readonly run = {
    step: (_name: string, work: () => Promise<unknown>) => work(),
    note: (text: string) => void this.notes.push(text),
    warn: (text: string) => assert.fail(text),
    progress: ({ bytesDone }: { bytesDone: number }) => void this.bytes.push(bytesDone),
  } as unknown as RunContext;

  constructor(context: TestContext) {
    const directory = scratch(context);
    this.from = join(directory, "snapshot");
    this.into = join(directory, "target");
    mkdirSync(join(this.from, "home"), { recursive: true });
    mkdirSync(join(this.into, "home", this.aside), { recursive: true });
  }

  /** Of which `came` bytes have come. */
  file(name: string, content: Buffer, came: number): string {
    writeFileSync(join(this.from, "home", name), content);
    utimesSync(join(this.from, "home", name), 1000, 1000);
    writeFileSync(join(this.into, "home", this.aside, name), content.subarray(0, came));
    return join(this.into, "home", name);
  }

  places() {
    return { from: this.from, into: this.into, as: undefined };
  }

  finish(isReliable = true, asked: readonly Buffer[] = []): Promise<void> {
    const begun = { asked, aside: this.aside, isReliable, lost: signal };
    return finishUnderWay(host, this.places(), begun, this.run, signal);
  }

  copy() {
    const batch = { below: Buffer.alloc(0), paths: [Buffer.from("home")] };
    const how = { dryRun: false, force: false, aside: this.aside, onStart: () => undefined };
    return copyBatch(host, { ...this.places(), batch, ...how }, this.run, signal);
  }

  left(): string[] {
    return readdirSync(join(this.into, "home")).filter((name) => name.startsWith("."));
  }
}

/** Bytes, a hole of 4 MiB, bytes. */
const holey = Buffer.concat([randomBytes(2 * mebi + 77), Buffer.alloc(4 * mebi), randomBytes(mebi)]);

for (const came of [mebi, 2 * mebi + 77, 3 * mebi + 5, holey.length]) {
  test(`what is missing behind ${came} bytes is brought, and nothing is read twice`, async (context) => {
    const restore = new Restore(context);
    const path = restore.file("big", holey, came);
    await restore.finish();
    assert.deepEqual(restore.notes, ["going on within 1 file"]);
    assert.ok(readFileSync(path).equals(holey));
    const written = Math.max(came, 2 * mebi + 77) + mebi;
    assert.ok(statSync(path).blocks * 512 < written + mebi, "what is left of the hole stays one");
    assert.deepEqual(restore.left(), []);
    const { stats } = await restore.copy();
    assert.equal(stats.filesCopied, 0, "the copy that follows finds it there");
    assert.equal(statSync(path).mtimeMs, 1_000_000);
  });
}

test("the end of the machine makes it doubtful: it is brought anew", async (context) => {
  const restore = new Restore(context);
  const path = restore.file("big", holey, 2 * mebi);
  writeFileSync(join(restore.into, "home", restore.aside, "big"), Buffer.alloc(2 * mebi));
  await restore.finish(false);
  assert.ok(!existsSync(path));
  assert.deepEqual(restore.left(), []);
  assert.equal((await restore.copy()).stats.filesCopied, 1);
  assert.ok(readFileSync(path).equals(holey));
});

test("it is looked for where something was asked for, and nowhere else", async (context) => {
  const restore = new Restore(context);
  const [one, other] = ["one", "other"].map((name) => restore.file(name, holey, 2 * mebi));
  await restore.finish(true, [Buffer.from("elsewhere")]);
  assert.deepEqual(restore.notes, []);
  await restore.finish(true, [Buffer.from("home/one")]);
  assert.deepEqual(restore.notes, ["going on within 2 files"]);
  assert.ok(existsSync(one ?? "") && existsSync(other ?? ""));
});

test("small ones are brought anew, and what is not in the snapshot goes", async (context) => {
  const restore = new Restore(context);
  const path = restore.file("small", Buffer.from("small"), 3);
  writeFileSync(join(restore.into, "home", restore.aside, "strange"), Buffer.alloc(2 * mebi));
  await restore.finish();
  assert.ok(!existsSync(path) && !existsSync(join(restore.into, "home", "strange")));
  assert.deepEqual(restore.left(), []);
});

test("nothing is written over what somebody has put in its place, or through a link", async (context) => {
  const restore = new Restore(context);
  const path = restore.file("big", holey, 2 * mebi);
  writeFileSync(path, "mine");
  restore.file("linked", holey, 2 * mebi);
  const victim = join(restore.into, "victim");
  writeFileSync(victim, "untouched");
  const begun = join(restore.into, "home", restore.aside);
  symlinkSync(victim, join(begun, "link"));
  writeFileSync(join(restore.from, "home", "link"), holey);
  await restore.finish();
  assert.equal(readFileSync(path, "utf8"), "mine");
  assert.equal(readFileSync(victim, "utf8"), "untouched");
  assert.ok(readFileSync(join(restore.into, "home", "linked")).equals(holey));
});

test("rsync keeps what had come of a file where it is looked for", async (context) => {
  const restore = new Restore(context);
  restore.file("big", holey, 0);
  const begun = join(restore.into, "home", restore.aside, "big");
  const cut = new AbortController();
  const exec: Host["exec"] = (command) => host.exec({ ...command, args: ["--bwlimit=2000", ...(command.args ?? [])] });
  const batch = { below: Buffer.alloc(0), paths: [Buffer.from("home")] };
  const how = { dryRun: false, force: false, aside: restore.aside, onStart: () => undefined };
  const cutting = {
    ...restore.run,
    progress: ({ bytesDone }: { bytesDone: number }) => bytesDone > 1.5 * mebi && cut.abort(new Error("cut")),
  };
  const copying = copyBatch(
    { ...host, exec },
    { ...restore.places(), batch, ...how },
    cutting as unknown as RunContext,
    cut.signal,
  );
  await assert.rejects(copying);
  const came = readFileSync(begun);
  assert.ok(came.length >= mebi && came.length < holey.length, `${came.length}`);
  assert.ok(came.equals(holey.subarray(0, came.length)));
  await restore.finish();
  assert.ok(readFileSync(join(restore.into, "home", "big")).equals(holey));
});
