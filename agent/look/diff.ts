/** What differs between two snapshots, in the order of the paths, however much there is. */

import { join } from "node:path";
import { addAbortSignal, PassThrough } from "node:stream";
import { allOrFirstError, allOrNone } from "../../common/all-settled.ts";
import { LuksmithError } from "../../common/errors.ts";
import type { Command } from "../../common/exec.ts";
import { showName } from "../../common/file-name.ts";
import type { Difference } from "../../proto/gen/luksmith/v1/looking.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { selectSnapshot } from "../snapshots/select.ts";
import type { Attached } from "../stack/attach.ts";
import { withView } from "../stack/view.ts";
import type { Host } from "../system/host.ts";
import { noticeLoss } from "../transport/transport.ts";
import { withWarming } from "../warm/warming.ts";
import { typeAt } from "./at-path.ts";
import { digests } from "./content.ts";
import { DifferenceCount, difference, isWorthReading } from "./difference.ts";
import { merge } from "./merge.ts";
import { OwnerNames } from "./owner-names.ts";
import { listTree, parseRecord, type Seen, type TreeSpec, unseen } from "./tree.ts";

/** Pieces of a list that wait for the other one. */
const piecesAhead = 2;
/** What is held back until so many files have been read, for the order to stay. */
const readAtATime = 2000;

export interface DiffOptions {
  readonly before: string;
  readonly after: string;
  /** Relative to the snapshot; empty for all. */
  readonly path: Buffer;
  readonly content: boolean;
  readonly as: Command["as"];
}

type Send = (difference: Difference) => Promise<void>;

/** @throws {LuksmithError} "usage" when both are the same; "not_found" */
export async function diff(
  host: Host,
  job: string,
  { filesDir, entries, device, signal, lost }: Attached,
  options: DiffOptions,
  run: RunContext,
  send: Send,
): Promise<RunResult> {
  const { path, as } = options;
  const names = [options.before, options.after].map((wanted) => selectSnapshot(entries, job, wanted).name);
  const [before = "", after = ""] = names;
  if (before === after) {
    throw new LuksmithError("usage", `both are the snapshot ${before}`, { hint: `luksmith snapshots ${job}` });
  }
  const [left, right] = [join(filesDir, job, before), join(filesDir, job, after)];
  const starts = [left, right].map((directory) => Buffer.concat([Buffer.from(`${directory}/`), path]));
  const count = new DifferenceCount();
  const owners = new OwnerNames(host.exec, signal);
  const counted = async (found: Difference) => {
    count.add(found);
    await owners.addTo(found.before, found.after);
    await send(found);
  };
  const compare = () =>
    withView(host, left, as, signal, (leftView) =>
      withView(host, right, as, signal, (rightView) => {
        const sides = { before: { cwd: leftView, path, as }, after: { cwd: rightView, path, as } };
        return compareTrees(host, sides, options.content, run, counted, signal);
      }),
    );
  const { incomplete, unread } = await run.step("compare", () =>
    // two programs read at the same time; neither is looked at, since no files are read ahead
    withWarming(host, { device, starts, files: false }, signal, compare),
  );
  if ((incomplete || unread) && (await noticeLoss(host.clock, lost))) throw lost.reason;
  if (incomplete) run.warn(unseen(as, "what is in them was not compared, or not as a whole"));
  return { state: incomplete || unread ? "incomplete" : "done", summary: `${count}`, snapshot: after };
}

interface Sides {
  readonly before: TreeSpec;
  readonly after: TreeSpec;
}

async function compareTrees(
  host: Host,
  sides: Sides,
  content: boolean,
  run: RunContext,
  send: Send,
  signal: AbortSignal,
): Promise<{ incomplete: boolean; unread: boolean }> {
  const { exec } = host;
  const [was, is] = await allOrFirstError(typeAt(exec, sides.before, signal), typeAt(exec, sides.after, signal));
  if (was === undefined && is === undefined) {
    throw new LuksmithError("not_found", `neither snapshot has ${showName(sides.before.path)}`, {
      hint: "luksmith ls shows what is there",
    });
  }
  const over = new AbortController();
  const within = AbortSignal.any([signal, over.signal]);
  const list = (spec: TreeSpec, isThere: boolean) => {
    const records = addAbortSignal(within, new PassThrough({ objectMode: true, highWaterMark: piecesAhead }));
    // whoever reads it meets that as well
    records.on("error", () => undefined);
    if (isThere) return { records, listed: listTree(host, spec, records, within) };
    records.end();
    return { records, listed: Promise.resolve({ incomplete: false }) };
  };
  const before = list(sides.before, was !== undefined);
  const after = list(sides.after, is !== undefined);
  const told = content ? new ReadingTeller(host, sides, run, send, within) : new Teller(send);
  const merging = async () => {
    try {
      await merge(before.records, after.records, (one, other) =>
        told.tell(one === undefined ? one : parseRecord(one), other === undefined ? other : parseRecord(other)),
      );
      await told.finish();
    } catch (error) {
      // that the lists have ended says nothing of why
      within.throwIfAborted();
      throw error;
    }
  };
  const [first, second] = await allOrNone(over, before.listed, after.listed, merging());
  return { incomplete: first.incomplete || second.incomplete, unread: told.unread };
}

/** Tells at once. */
class Teller {
  readonly unread = false;
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  tell(before: Seen | undefined, after: Seen | undefined): Promise<void> | undefined {
    const found = difference(before, after);
    return found === undefined ? undefined : this.#send(found);
  }

  async finish(): Promise<void> {}
}

/** Holds back what it has to tell until the files before it have been read. */
class ReadingTeller {
  /** Some files could not be read. */
  unread = false;
  readonly #host: Host;
  readonly #sides: Sides;
  readonly #run: RunContext;
  readonly #send: Send;
  readonly #signal: AbortSignal;
  #held: { before: Seen | undefined; after: Seen | undefined; read: boolean }[] = [];
  #toRead = 0;

  constructor(host: Host, sides: Sides, run: RunContext, send: Send, signal: AbortSignal) {
    this.#host = host;
    this.#sides = sides;
    this.#run = run;
    this.#send = send;
    this.#signal = signal;
  }

  tell(before: Seen | undefined, after: Seen | undefined): Promise<void> | undefined {
    const read = isWorthReading(before, after);
    if (!read && difference(before, after) === undefined) return undefined;
    this.#held.push({ before, after, read });
    if (read) this.#toRead += 1;
    // what waits for nothing must not gather without end either
    return this.#toRead >= readAtATime || this.#toRead === 0 || this.#held.length >= 2 * readAtATime
      ? this.finish()
      : undefined;
  }

  async finish(): Promise<void> {
    const held = this.#held;
    this.#held = [];
    this.#toRead = 0;
    const paths = held.flatMap(({ read, before }) => (read && before !== undefined ? [before.entry.path] : []));
    const digestsOf = ({ cwd, as }: TreeSpec) =>
      paths.length === 0 ? new Map<string, string>() : digests(this.#host.exec, { cwd, paths, as }, this.#signal);
    const { before: left, after: right } = this.#sides;
    const [was, is] = await allOrFirstError(Promise.resolve(digestsOf(left)), Promise.resolve(digestsOf(right)));
    for (const { before, after, read } of held) {
      const name = before?.entry.path.toString("latin1") ?? "";
      const [one, other] = [was.get(name), is.get(name)];
      const isRead = read && one !== undefined && other !== undefined;
      if (read && !isRead) {
        this.unread = true;
        this.#run.warn("could not be read, so that its size and time decided", before?.entry.path);
      }
      const found = difference(before, after, isRead ? one === other : undefined);
      if (found !== undefined) await this.#send(found);
    }
  }
}
