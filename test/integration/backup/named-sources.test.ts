import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { lastNamed, rememberNamed } from "../../../agent/backup/last-named.ts";
import { requireReadable } from "../../../agent/backup/named-sources.ts";
import type { SourcedJob } from "../../../agent/backup/sourced-job.ts";
import { makeExec } from "../../../common/exec.ts";
import { scratch } from "../tools/scratch.ts";

const { exec } = makeExec();
const never = new AbortController().signal;

function jobBelow(directory: string): SourcedJob {
  return { name: "mine", user: "alice", sources: [], sourcesBelow: [directory], as: undefined } as never;
}

test("what is named is there, and really where it may be named", async (context) => {
  const directory = scratch(context);
  const own = join(directory, "own");
  const other = join(directory, "other");
  for (const made of [own, join(own, "-d\n"), other]) mkdirSync(made);
  for (const file of [join(own, "file"), join(other, "file")]) writeFileSync(file, "");
  symlinkSync(other, join(own, "out"));
  symlinkSync("file", join(own, "link"));
  const look = (...names: string[]) =>
    requireReadable(
      exec,
      jobBelow(own),
      names.map((name) => join(own, name)),
      never,
    );
  await look("file", "-d\n", "link", "out", ".");
  await assert.rejects(look("file", "missing"), { code: "not_found", message: /there is no ".*missing"/ });
  await assert.rejects(look("out/file"), {
    code: "usage",
    message: /which is ".*other\/file", is not in what alice may/,
  });
});

test("the directory that may be named can be reached by a link", async (context) => {
  const directory = scratch(context);
  mkdirSync(join(directory, "real"));
  writeFileSync(join(directory, "real", "file"), "");
  symlinkSync("real", join(directory, "home"));
  const home = join(directory, "home");
  await requireReadable(exec, jobBelow(home), [home, join(home, "file")], never);
});

test("what was named last is remembered for the same user, as long as it may be named", async (context) => {
  const state = scratch(context);
  const job = jobBelow("/home/alice");
  await assert.rejects(lastNamed(state, job), { code: "usage", hint: "luksmith backup mine PATH..." });
  await rememberNamed(state, job, ["/home/alice/a", "/home/alice/ü"]);
  assert.deepEqual(await lastNamed(state, job), ["/home/alice/a", "/home/alice/ü"]);
  await assert.rejects(lastNamed(state, { ...job, user: "bob" }), /nothing has been named yet/);
  await assert.rejects(lastNamed(state, jobBelow("/srv")), /is not in what alice may name/);
  writeFileSync(join(state, "named-sources", "mine"), "{");
  await assert.rejects(lastNamed(state, job), /nothing has been named yet/);
});
