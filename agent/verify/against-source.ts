/** Some files of a snapshot, or of what was restored from it, compared with the machine's own, content and all. */

import { allOrFirstError } from "../../common/all-settled.ts";
import { copyFromSource } from "../backup/source-copy.ts";
import { filesFrom } from "../restore/plan.ts";
import type { LandingUser } from "../stack/landing.ts";
import type { Host } from "../system/host.ts";
import { archiveArgs } from "../tools/rsync.ts";
import { itemFormat, parseItem } from "../tools/rsync-output.ts";
import { classify } from "./classify.ts";
import type { SampleFile } from "./sample.ts";

/** Each waits for one answer after another. */
const shards = 4;

export interface Comparison {
  readonly equal: readonly SampleFile[];
  /** Its owner has not touched it, and its content is another one. */
  readonly differing: readonly SampleFile[];
  /** Changed or gone since: the machine's own says nothing about it. */
  readonly changed: readonly SampleFile[];
}

interface Compared {
  readonly below: string;
  readonly files: readonly SampleFile[];
  readonly volume?: string | undefined;
  /** Whose rights the machine's files, and these, are read with; undefined: root's. */
  readonly as: LandingUser | undefined;
}

/**
 * @param below absolute directory that the files are in, by their paths from the root
 * @param onCompared told of each, as it comes
 */
export async function compareWithSource(
  host: Host,
  { below, files, volume, as }: Compared,
  onCompared: (file: SampleFile) => void,
  signal: AbortSignal,
): Promise<Comparison> {
  const first = await compareOnce(host, { below, files, volume, as }, onCompared, signal);
  if (first.differing.length === 0) return first;
  // a file that was written to while it was read has another time by now
  const again = { below, files: first.differing, volume, as };
  const second = await compareOnce(host, again, () => undefined, signal);
  return {
    equal: [...first.equal, ...second.equal],
    differing: second.differing,
    changed: [...first.changed, ...second.changed],
  };
}

async function compareOnce(
  host: Host,
  { below, files, volume, as }: Compared,
  onCompared: (file: SampleFile) => void,
  signal: AbortSignal,
): Promise<Comparison> {
  const equal: SampleFile[] = [];
  const differing: SampleFile[] = [];
  const rest = new Set(files);
  const byPath = new Map(files.map((file) => [file.path.toString("latin1"), file]));
  const onLine = (line: Buffer) => {
    const item = parseItem(line);
    const file = item && byPath.get(item.path.toString("latin1"));
    if (item === undefined || file === undefined) return;
    onCompared(file);
    const verdict = classify(item.changes);
    if (verdict !== "equal" && verdict !== "differs") return;
    (verdict === "equal" ? equal : differing).push(file);
    rest.delete(file);
  };
  const args = [
    ...["--dry-run", "--checksum", "-ii", `--out-format=${itemFormat}`],
    ...[...archiveArgs, "--from0", "--files-from=-"],
  ];
  const compare = (paths: readonly Buffer[]) =>
    copyFromSource(
      host,
      as,
      {
        args,
        sources: ["/"],
        into: below,
        isDry: true,
        stdin: filesFrom({ below: Buffer.alloc(0), paths }),
        ...(volume === undefined ? {} : { volume }),
        onLine,
        // what is no more on the machine, mostly: it is one of those that are left
        onComplaint: () => undefined,
      },
      signal,
    );
  await allOrFirstError(...inShards(files.map(({ path }) => path)).map(compare));
  return { equal, differing, changed: [...rest] };
}

/** Neighbours stay together. */
export function inShards<T>(all: readonly T[]): T[][] {
  const length = Math.ceil(all.length / shards);
  return length === 0
    ? []
    : Array.from({ length: shards }, (_, at) => all.slice(at * length, (at + 1) * length)).filter(
        (one) => one.length > 0,
      );
}
