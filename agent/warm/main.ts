#!/usr/bin/env -S node --jitless --max-semi-space-size=1 --v8-pool-size=1
/**
 * luksmith-warmer: started by the agent beside a program that reads a volume, one thing after another. It reads the same
 * directories, and has the kernel read the same files, ahead of it and many at a time, so that the other finds them in the
 * page cache. It gives nothing to anybody, and nobody waits for it; it dies with its standard input.
 *
 * Standard input: records that end with NUL. First "directories" or "files", then where to begin, then an empty record, then what
 * alone is to be read, with all that is below it (none: everything), then another empty record, and from then on how many bytes the
 * reader has read.
 */

import { RecordSplitter } from "../tools/record-splitter.ts";
import { openAdvice } from "./advice.ts";
import { Allowance } from "./allowance.ts";
import { Chosen } from "./chosen.ts";
import { FileReader } from "./file-reader.ts";
import { Walk } from "./walk.ts";

/** As many of Node's threads, see warming.ts. */
const workers = Number(process.env.UV_THREADPOOL_SIZE ?? 4);

const input = new RecordSplitter(0);
const allowance = new Allowance();
let what: string | undefined;
const starts: Buffer[] = [];
const chosen: Buffer[] = [];
/** What the records are that come now. */
let part: "starts" | "chosen" | "reader" = "starts";

process.stdin.on("end", () => process.exit(0));
process.stdin.on("data", (chunk: Buffer) => {
  for (const record of input.push(chunk)) {
    if (what === undefined) what = record.toString();
    else if (part === "reader") allowance.readerIsAt(Number(record));
    else if (record.length > 0) (part === "starts" ? starts : chosen).push(Buffer.from(record));
    else if (part === "starts") part = "chosen";
    else {
      part = "reader";
      void warm(what === "files").finally(() => process.exit(0));
    }
  }
});

async function warm(files: boolean): Promise<void> {
  const only = chosen.length === 0 ? undefined : new Chosen(chosen);
  const enters = (directory: Buffer) => only?.leadsTo(directory) ?? true;
  if (!files) {
    await new Walk(starts, workers, () => undefined, enters).run();
    return;
  }
  const reader = new FileReader(openAdvice(), allowance);
  const visit = async (directory: Buffer, names: readonly Buffer[]) => {
    await reader.add(directory, only?.of(directory, names) ?? names);
    // nothing will join those that wait
    if (!walk.isReading) reader.flush();
  };
  const walk: Walk = new Walk(starts, workers, visit, enters);
  await walk.run();
  reader.flush();
}
