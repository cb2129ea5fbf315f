import assert from "node:assert/strict";
import { copyFileSync, linkSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { copyFromSource } from "../../../agent/backup/source-copy.ts";
import type { LandingHost } from "../../../agent/stack/landing.ts";
import { archiveArgs } from "../../../agent/tools/rsync.ts";
import { itemFormat, parseItem } from "../../../agent/tools/rsync-output.ts";
import { makeExec } from "../../../common/exec.ts";
import { scratch } from "../tools/scratch.ts";

const host = makeExec() as unknown as LandingHost;

test("a dry run of names of one file, of which the newest snapshot has one, comes to an end", {
  timeout: 30_000,
}, async (context) => {
  const directory = scratch(context);
  const [source, base] = [join(directory, "source"), join(directory, "base")];
  for (const made of [source, base]) mkdirSync(made);
  writeFileSync(join(source, "a"), "one file");
  utimesSync(join(source, "a"), 1000, 1000);
  for (const name of ["b", "c"]) linkSync(join(source, "a"), join(source, name));
  writeFileSync(join(source, "new"), "new");
  copyFileSync(join(source, "b"), join(base, "b"));
  utimesSync(join(base, "b"), 1000, 1000);
  const listed: string[] = [];
  const { stats } = await copyFromSource(
    host,
    undefined,
    {
      args: ["--dry-run", `--out-format=${itemFormat}`, ...archiveArgs],
      sources: [`${source}/`],
      into: undefined,
      comparedWith: [base],
      isDry: true,
      onLine: (line) => void listed.push(`${parseItem(line)?.path ?? ""}`),
      onComplaint: (message) => assert.fail(message),
    },
    AbortSignal.timeout(20_000),
  );
  assert.equal(stats.filesCopied, 1);
  assert.ok(listed.some((path) => path.endsWith("new")) && !listed.some((path) => path.endsWith("b")));
});
