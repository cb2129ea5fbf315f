import assert from "node:assert/strict";
import { appendFileSync, chmodSync, linkSync, lutimesSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { archiveArgs, copy } from "../../../agent/tools/rsync.ts";
import { itemFormat, parseItem } from "../../../agent/tools/rsync-output.ts";
import { classify, type Verdict } from "../../../agent/verify/classify.ts";
import { makeExec } from "../../../common/exec.ts";
import { at, latin1, scratch, writeFile } from "./scratch.ts";

const { exec } = makeExec();
const signal = new AbortController().signal;
const unexpected = (message: string) => assert.fail(message);

/** When everything was backed up. */
const then = 1_700_000_000.25;

test("what rsync says of real files", async (context) => {
  const directory = scratch(context);
  const [source, snapshot] = [join(directory, "source"), join(directory, "snapshot")];
  mkdirSync(source);
  const odd = latin1("odd\n\xff @>fc........ 1 x");
  const names = ["same", "touched", "altered", "edited", "edited at once", "grown", "chmod", "linked", "dir/below"];
  for (const name of names) writeFile(join(source, name), `content of ${name}\n`, then);
  writeFile(at(source, odd), "odd content\n", then);
  linkSync(join(source, "linked"), join(source, "linked too"));
  symlinkSync("same", join(source, "symlink"));
  await copy(exec, { args: [...archiveArgs, "--", `${source}/`, `${snapshot}/`], onComplaint: unexpected }, signal);

  // the same size and time, but not the same content: in the snapshot, as by a host that alters it
  for (const name of [latin1("altered"), odd]) {
    writeFileSync(at(snapshot, name), name === odd ? "ODD content\n" : "CONTENT of altered\n");
    lutimesSync(at(snapshot, name), then, then);
  }
  writeFile(join(source, "touched"), "content of touched\n", then + 5);
  writeFile(join(source, "edited"), "CONTENT of edited\n", then + 5);
  // within the same second
  writeFile(join(source, "edited at once"), "CONTENT of edited at once\n", then + 0.5);
  appendFileSync(join(source, "grown"), "more\n");
  lutimesSync(join(source, "grown"), then, then);
  chmodSync(join(source, "chmod"), 0o600);
  writeFile(join(source, "new"), "new\n", then);
  linkSync(join(source, "linked"), join(source, "new link"));
  symlinkSync("x", join(source, "new symlink"));
  mkdirSync(join(source, "new directory"));

  const verdicts: Record<string, Verdict> = {};
  await copy(
    exec,
    {
      args: [
        ...[...archiveArgs, "--dry-run", "--checksum", "-ii", `--out-format=${itemFormat}`],
        ...["--", `${source}/`, `${snapshot}/`],
      ],
      onComplaint: unexpected,
      onLine: (line) => {
        const item = parseItem(line) ?? assert.fail(`${line}`);
        const verdict = classify(item.changes);
        if (verdict !== undefined) verdicts[item.path.toString("latin1")] = verdict;
      },
    },
    signal,
  );
  assert.deepEqual(verdicts, {
    same: "equal",
    touched: "equal",
    altered: "differs",
    [odd.toString("latin1")]: "differs",
    edited: "changed",
    "edited at once": "changed",
    grown: "changed",
    chmod: "equal",
    linked: "equal",
    "linked too": "equal",
    "dir/below": "equal",
    new: "added",
    "new link": "added",
  });
});
