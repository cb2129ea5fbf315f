/**
 * Runs an agent where its history cannot be written, on a small file system of its own: argv is an empty directory to
 * mount that on, and what happens. To be started by `unshare --mount --map-root-user`, which takes the mount away again
 * when this ends. Prints what was seen as JSON.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { hasErrno } from "../../../common/errors.ts";
import type { Run } from "../../../proto/gen/luksmith/v1/types.ts";
import { AgentLife, backupOfHome, collect, word } from "./agent-life.ts";

const { signal } = new AbortController();

/** What the test looks at. */
export interface Seen {
  readonly notKeptBecause: string | undefined;
  readonly runs: readonly Run[];
  /** Seqs and words of each run's events, in the order of `runs`. */
  readonly events: readonly (readonly string[])[];
  readonly errors: readonly string[];
}

const fill = (directory: string): string => {
  const path = join(directory, "filler");
  const fd = openSync(path, "a");
  try {
    for (;;) writeSync(fd, Buffer.alloc(4096));
  } catch (error) {
    if (!hasErrno(error, "ENOSPC")) throw error;
  } finally {
    closeSync(fd);
  }
  return path;
};

/** A run that has much to say. @param during happens in its middle */
async function talk(life: AgentLife, during: () => void): Promise<void> {
  const { id } = life.runs.start(backupOfHome, async (context) => {
    for (let n = 0; n < 1000; n += 1) context.warn(`first ${n}`, Buffer.from("a name of some length".repeat(10)));
    during();
    await context.step("copy", async () => {
      for (let n = 0; n < 1000; n += 1) context.warn(`then ${n}`, Buffer.from("a name of some length".repeat(10)));
    });
    return { state: "incomplete", summary: "" };
  });
  const [, run] = await Promise.all([collect(life.runs.watch(id, true, signal)), life.runs.wait(id)]);
  assert.deepEqual(life.runs.get(id), run);
}

async function look(life: AgentLife): Promise<Seen> {
  const runs = life.runs.list();
  const events = await Promise.all(runs.map(({ id }) => collect(life.runs.watch(id, true, signal))));
  return {
    notKeptBecause: life.store.notKeptBecause?.code,
    runs,
    events: events.map((all) => all.map((event) => `${event.seq} ${word(event)}`)),
    errors: life.errors(),
  };
}

const scenarios: Readonly<Record<string, (directory: string) => Promise<Seen[]>>> = {
  /** Full from the middle of a run on; the room comes back before the next. */
  async fillsUp(directory) {
    const life = new AgentLife(directory);
    let filler = "";
    await talk(life, () => {
      filler = fill(directory);
    });
    const full = await look(life);
    rmSync(filler);
    await talk(life, () => undefined);
    await life.end();
    const next = new AgentLife(directory);
    const after = await look(next);
    await next.end();
    return [full, after];
  },

  /** Full at a start that is not the first: what was before can be read. */
  async hasFilled(directory) {
    const first = new AgentLife(directory);
    await talk(first, () => undefined);
    await first.end();
    fill(directory);
    const life = new AgentLife(directory);
    await talk(life, () => undefined);
    const seen = await look(life);
    await life.end();
    return [seen];
  },

  /** Full before the first start. */
  async isFull(directory) {
    fill(directory);
    const life = new AgentLife(directory);
    await talk(life, () => undefined);
    const seen = await look(life);
    await life.end();
    return [seen];
  },

  async isReadOnly(directory) {
    execFileSync("mount", ["-o", "remount,ro", directory]);
    const life = new AgentLife(directory);
    await talk(life, () => undefined);
    const seen = await look(life);
    await life.end();
    return [seen];
  },
};

const [directory = "", name = ""] = process.argv.slice(2);
execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", directory]);
console.log(JSON.stringify(await scenarios[name]?.(directory)));
