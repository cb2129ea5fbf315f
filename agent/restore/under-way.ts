/**
 * Files that were under way when a restore was cut short. rsync keeps what had come of one in a directory beside it (rsync(1),
 * --partial-dir), whose name is this restore's own. What is missing of a large one is brought, and nothing of the rest read again:
 * rsync itself would read all of it across the link to compare (and its --append spoils a file with holes). The copy that follows
 * gives it owner, mode and attributes.
 *
 * Only while the machine has been running ever since: after its end, what had come may have holes where nothing had been written.
 */

import { randomBytes } from "node:crypto";
import { LuksmithError } from "../../common/errors.ts";
import { lastWords } from "../../common/exec.ts";
import { utf8Name } from "../../common/file-name.ts";
import { plural } from "../../common/units.ts";
import type { RunContext } from "../runs/context.ts";
import { ProgressMeter } from "../runs/progress-meter.ts";
import type { Host } from "../system/host.ts";
import { copiedBytes } from "../tools/dd.ts";
import { volumeDeadlineMs, wholeVolumeDeadlineMs } from "../tools/deadlines.ts";
import { nullTerminated } from "../tools/null-terminated.ts";
import { noticeLoss } from "../transport/transport.ts";
import type { Places } from "./sides.ts";

/** Below that it is brought anew: to look for its end costs as much. */
const worthwhileBytes = 2 ** 20;

export function underWayName(): string {
  return `.luksmith-${randomBytes(8).toString("hex")}`;
}

export interface UnderWay {
  /** The directory that it lies in, relative to the target, and its name. */
  readonly directory: string;
  readonly name: string;
  /** So much of it has come. */
  readonly bytes: number;
}

/**
 * Pure. What find has found, by `%s %p` of each; what has no name of plain text is left out.
 * @param into the target
 * @param aside the directories' name
 */
export function parseUnderWay(output: string, into: string, aside: string): UnderWay[] {
  return output.split("\0").flatMap((record) => {
    const [, bytes, path] = /^(\d+) (.*)$/s.exec(record) ?? [];
    const whole = path === undefined ? undefined : utf8Name(Buffer.from(path, "latin1"));
    const text = whole?.startsWith(`${into}/`) === true ? whole.slice(into.length + 1) : undefined;
    const [, above = "", name] = text?.match(/^(.*\/)?[^/]+\/([^/]+)$/s) ?? [];
    if (name === undefined || text !== `${above}${aside}/${name}`) return [];
    return [{ directory: above.slice(0, -1), name, bytes: Number(bytes) }];
  });
}

export interface Begun {
  /** What is restored, relative to the target; empty for everything. */
  readonly asked: readonly Buffer[];
  readonly aside: string;
  /** All of it has been written by a machine that runs still. */
  readonly isReliable: boolean;
  /** Aborted when the volume is lost. */
  readonly lost: AbortSignal;
}

export async function finishUnderWay(
  host: Host,
  places: Places,
  { asked, aside, isReliable, lost }: Begun,
  run: RunContext,
  signal: AbortSignal,
): Promise<void> {
  const found = await find(host, places, { asked, aside }, signal);
  const large = isReliable ? found.filter(({ bytes }) => bytes >= worthwhileBytes) : [];
  if (large.length > 0) {
    run.note(`going on within ${plural(large.length, "file")}`);
    await run.step("go on", async () => {
      for (const one of large) await finish(host, places, { one, aside, lost }, run, signal);
    });
  }
  const directories = new Set(found.map(({ directory }) => below(directory, aside)));
  const args = ["--recursive", "--force", "--one-file-system", "--"];
  for (const directory of directories) {
    await operate(host, places, "rm", [...args, `${places.into}/${directory}`], signal);
  }
}

async function find(
  { exec }: Host,
  { into, as }: Places,
  { asked, aside }: Pick<Begun, "asked" | "aside">,
  signal: AbortSignal,
): Promise<UnderWay[]> {
  const starts = asked.length === 0 ? [Buffer.from(into)] : asked.flatMap((path) => lookedAt(path, { into, aside }));
  const args = ["-P", "-files0-from", "-", "-xdev", "-type", "f", "-path", `*/${aside}/*`, "-printf", "%s %p\\0"];
  const stdin = nullTerminated(starts);
  const { stdout } = await exec({ file: "find", args, stdin, deadlineMs: wholeVolumeDeadlineMs, signal, as });
  // what it could not look into, nothing was written to
  return parseUnderWay(stdout.toString("latin1"), into, aside);
}

/** A directory and all that is in it; of a file what is beside it. */
function lookedAt(path: Buffer, { into, aside }: { into: string; aside: string }): Buffer[] {
  return [path, besidePath(path, aside)].map((one) => Buffer.concat([Buffer.from(`${into}/`), one]));
}

/** Pure. Where what had come of a file is kept. @param path relative, of the file */
export function besidePath(path: Buffer, aside: string): Buffer {
  return Buffer.concat([path.subarray(0, path.lastIndexOf("/") + 1), Buffer.from(aside)]);
}

/** Brings the end of it, and puts it in its place if nothing is there. What fails is brought anew. */
async function finish(
  host: Host,
  places: Places,
  { one, aside, lost }: { one: UnderWay; aside: string; lost: AbortSignal },
  run: RunContext,
  signal: AbortSignal,
): Promise<void> {
  const { from, into, as } = places;
  const source = `./${below(one.directory, one.name)}`;
  const begun = `${into}/${below(one.directory, `${aside}/${one.name}`)}`;
  const size = await sizeOf(host, places, source, signal);
  if (size === undefined || size < one.bytes) return;
  const meter = new ProgressMeter("go on");
  const onStderr = (chunk: Buffer) => {
    const copied = copiedBytes(chunk.toString());
    if (copied === undefined) return;
    const figures = { bytesDone: one.bytes + copied, bytesTotal: size, filesDone: 0, filesTotal: 1 };
    run.progress(meter.update({ atMs: host.clock.monotonicMs(), ...figures }));
  };
  const copied = await host.exec({
    file: "dd",
    args: [
      ...[`if=${source}`, `skip=${one.bytes}`, "iflag=skip_bytes,fullblock,nofollow"],
      // no link is followed that was put there since, and holes stay holes
      ...[`of=${begun}`, `seek=${one.bytes}`, "oflag=seek_bytes,nofollow", "conv=notrunc,nocreat,sparse"],
      ...["bs=128K", "status=progress"],
    ],
    cwd: from,
    as,
    onStderr,
    signal,
  });
  if (copied.exitCode !== 0) {
    // until it is there again, what has come stays
    if (await noticeLoss(host.clock, lost)) throw lost.reason;
    if (!/No space left|quota exceeded/i.test(copied.stderr)) return;
    throw new LuksmithError("full", "there is no room left", { cause: lastWords(copied) });
  }
  // its time is what rsync takes it for whole by
  const dating = ["--no-create", "--no-dereference", `--reference=${source}`, "--", begun];
  if (!(await operate(host, places, "touch", dating, signal))) return;
  const naming = ["--no-clobber", "--no-target-directory", "--", begun, `${into}/${below(one.directory, one.name)}`];
  await operate(host, places, "mv", naming, signal);
}

async function sizeOf({ exec }: Host, { from, as }: Places, path: string, signal: AbortSignal) {
  const args = ["-P", path, "-maxdepth", "0", "-type", "f", "-printf", "%s"];
  const found = await exec({ file: "find", args, cwd: from, as, brief: true, deadlineMs: volumeDeadlineMs, signal });
  return /^\d+$/.test(found.stdout.toString()) ? Number(found.stdout) : undefined;
}

/** @returns whether it succeeded */
async function operate(
  { exec }: Host,
  { from, as }: Places,
  file: string,
  args: string[],
  signal: AbortSignal,
): Promise<boolean> {
  return (await exec({ file, args, cwd: from, as, brief: true, deadlineMs: volumeDeadlineMs, signal })).exitCode === 0;
}

function below(directory: string, name: string): string {
  return directory === "" ? name : `${directory}/${name}`;
}
