/** What an operator wants to see now: events of a run as they come, snapshots, names of files. Nothing of it outlives the stream. */

import { fromErrorDetail, toErrorDetail } from "../../common/error-wire.ts";
import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import { FilesQuery, type Query, type Reply, type WatchQuery } from "../../proto/gen/luksmith/v1/fleet.ts";
import { FileEntry, RunEvent, Snapshot, Verb } from "../../proto/gen/luksmith/v1/types.ts";
import { snapshotPath } from "../restore/paths.ts";
import type { Requester, RunRequest, RunWork } from "../runs/context.ts";
import { isRunId } from "../runs/run-id.ts";
import { filesOf, snapshotsOf } from "../verbs/listing.ts";
import type { Machine } from "../verbs/machine.ts";
import { findJob } from "../volume/target.ts";
import { reportedVerbs, requireAllowed } from "./allowed.ts";
import type { AllowedWord } from "./allowed-word.ts";
import { inBatches } from "./batches.ts";
import { Gathered } from "./gathered.ts";
import type { Link } from "./link.ts";
import type { OrderLog, OrderSubject } from "./order-log.ts";
import { isOrderId } from "./orders.ts";
import { errorWithoutNames, eventWithoutNames } from "./without-names.ts";

/** Of all operators: each listing has a volume attached. */
const mostAtOnce = 16;
/** Who watches wants to see it soon. */
const eventLimits = { count: 100, bytes: 128 * 2 ** 10, lingerMs: 100 };
const longestPath = 4096;

type Part = Partial<Pick<Reply, "events" | "snapshots" | "files">>;

/** Where one query's answer goes. */
interface Asker {
  readonly gone: AbortSignal;
  send(part: Part): Promise<void>;
}

export class Queries {
  readonly #machine: Machine;
  readonly #orders: OrderLog;
  readonly #allowed: readonly AllowedWord[];
  readonly #underWay = new Map<string, AbortController>();

  constructor(machine: Machine, orders: OrderLog) {
    this.#machine = machine;
    this.#orders = orders;
    this.#allowed = machine.config.controller.allow;
  }

  /** Returns at once; what comes of it is sent as it comes. */
  take(query: Query, link: Link): void {
    const { id } = query;
    if (!isOrderId(id) || this.#underWay.has(id)) return;
    const ended = new AbortController();
    const gone = AbortSignal.any([link.gone, ended.signal]);
    const reply = (part: Part & Partial<Pick<Reply, "last" | "error">>) =>
      link.send({ $case: "reply", value: { ...nothing, id, ...part } });
    const asker = { gone, send: reply };
    this.#underWay.set(id, ended);
    this.#answer(query, asker, link)
      .then(
        () => reply({ last: true }),
        (error: unknown) => reply({ last: true, error: this.#told(error) }),
      )
      // the stream has ended
      .catch(() => undefined)
      .finally(() => this.#underWay.delete(id));
  }

  end(id: string): void {
    this.#underWay.get(id)?.abort(new LuksmithError("cancelled", "nobody waits for it any more"));
  }

  async #answer(query: Query, asker: Asker, link: Link): Promise<void> {
    const { what } = query;
    if (this.#underWay.size > mostAtOnce) {
      throw new LuksmithError("locked", `${mostAtOnce} queries are under way on this machine already`, {
        hint: "try again later",
      });
    }
    switch (what?.$case) {
      case "watch":
        return this.#watch(query, what.value, asker, link);
      case "snapshots":
        return this.#snapshots(query, what.value.job, asker, link);
      case "files":
        return this.#files(query, what.value, asker, link);
      default:
        throw new LuksmithError("usage", "the agent does not know such a query", {
          hint: "is the agent older than the controller?",
        });
    }
  }

  async #watch(query: Query, { runId, follow }: WatchQuery, { gone, send }: Asker, link: Link): Promise<void> {
    const { runs, host } = this.#machine;
    const run = isRunId(runId) ? runs.get(runId) : undefined;
    const about = { run: runId, volume: run?.volume ?? "", job: run?.job ?? "" };
    this.#decide(query, link, "log", about, () => {
      if (run === undefined || !reportedVerbs.includes(run.verb)) {
        throw new LuksmithError("not_found", "there is no such run of the fleet's");
      }
    });
    const events = this.#toldEvents(runs.watch(runId, follow, gone));
    const sizeOf = (event: RunEvent) => RunEvent.encode(event).finish().length;
    for await (const batch of inBatches(events, eventLimits, sizeOf, host.clock)) await send({ events: batch });
  }

  async *#toldEvents(events: AsyncIterable<RunEvent>): AsyncGenerator<RunEvent, void, undefined> {
    for await (const event of events) {
      const told = this.#allowed.includes("ls") ? event : eventWithoutNames(event);
      if (told !== undefined) yield told;
    }
  }

  async #snapshots(query: Query, name: string, asker: Asker, link: Link): Promise<void> {
    const caller = this.#decide(query, link, "snapshots", { job: name, volume: "", run: "" });
    const { volume } = findJob(this.#machine.config, name);
    const found = new Gathered<Snapshot>(
      (snapshots) => asker.send({ snapshots }),
      (snapshot) => Snapshot.encode(snapshot).finish().length,
    );
    const asked = { volume, jobs: [name], acceptRollback: false };
    const work = await snapshotsOf(this.#machine, asked, (snapshot) => found.add(snapshot));
    await this.#perform({ verb: Verb.LIST_SNAPSHOTS, volume, job: name, caller }, work, asker.gone);
    await found.flush();
  }

  async #files(query: Query, asked: FilesQuery, asker: Asker, link: Link): Promise<void> {
    const { job: name, snapshot, recursive } = FilesQuery.fromPartial(asked);
    const caller = this.#decide(query, link, "ls", { job: name, volume: "", run: "" }, () => {
      if (asked.path.length > longestPath) throw new LuksmithError("usage", "no path is so long");
    });
    const job = findJob(this.#machine.config, name);
    const path = snapshotPath(asked.path);
    const found = new Gathered<FileEntry>(
      (files) => asker.send({ files }),
      (entry) => FileEntry.encode(entry).finish().length,
    );
    const options = { snapshot, path, recursive, acceptRollback: false, as: undefined };
    const work = await filesOf(this.#machine, job, options, (entry) => found.add(entry));
    await this.#perform({ verb: Verb.LIST_FILES, volume: job.volume, job: name, caller }, work, asker.gone);
    await found.flush();
  }

  /** The run ends with whoever asked. @throws {LuksmithError} what it ended with */
  async #perform(request: RunRequest, work: RunWork, gone: AbortSignal): Promise<void> {
    const { runs, config, host } = this.#machine;
    gone.throwIfAborted();
    const { id } = runs.start({ ...request, deadlineMs: config.runs.deadlineMs }, work);
    const cancel = () => {
      try {
        runs.cancel(id, request.caller);
      } catch (error) {
        // thrown in a listener this would end the agent
        host.log.warn({ err: error, run: id }, "a run could not be cancelled");
      }
    };
    gone.addEventListener("abort", cancel, { once: true });
    try {
      const { error } = await runs.wait(id);
      // what could not be looked into has been said by what is there
      if (error !== undefined && error.code !== "incomplete") throw fromErrorDetail(error);
    } finally {
      gone.removeEventListener("abort", cancel);
    }
  }

  #decide(
    { id, operator }: Query,
    link: Link,
    word: AllowedWord,
    about: OrderSubject,
    check: () => void = () => undefined,
  ): Requester {
    const { caller } = this.#orders.decide(link.controller, operator, word, about, id, () => {
      requireAllowed(this.#allowed, word);
      check();
    });
    return caller;
  }

  #told(thrown: unknown): Reply["error"] {
    const error = asLuksmithError(thrown);
    if (error.code === "internal") this.#machine.host.log.error({ err: error.cause ?? error }, "a query failed");
    return this.#allowed.includes("ls") ? toErrorDetail(error) : errorWithoutNames(toErrorDetail(error));
  }
}

const nothing = { events: [], snapshots: [], files: [], last: false, error: undefined };
