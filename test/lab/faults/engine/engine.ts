/**
 * Random faults, one after another, for as long as is wanted. After each of them the system has to be clean, the volume
 * readable by anybody who has its key, every finished snapshot what it was, and the next backup has to succeed.
 */

import { systemClock } from "../../../../common/clock.ts";
import type { Run } from "../../../../proto/gen/luksmith/v1/types.ts";
import { withDeadline } from "../../harness/deadline.ts";
import { assertNothingLeft } from "../../harness/leak-check.ts";
import { hostNoticesWithinMs, type Over, volumeMiB } from "../../harness/over.ts";
import { assertDone } from "../../harness/scene.ts";
import { inspect } from "./inspection.ts";
import { Journal } from "./journal.ts";
import { withBegun, withDone, withGone } from "./model.ts";
import { allowedOutcomes, type Outcome } from "./outcome.ts";
import { type Job, jobs, planStep, type StepPlan } from "./plan.ts";
import { RandomSource } from "./random-source.ts";
import { changeSource, makeSource, sourceOf } from "./source-tree.ts";
import { outcomeOf, runOf, StartedRun } from "./started-run.ts";
import { momentComes, strike } from "./strike.ts";
import { recordTree } from "./tree-record.ts";
import { knownSnapshots, type Started, startVerb } from "./verb.ts";
import { World } from "./world.ts";

const firstMiB = 96;
/** Of the world being well again. Emulated, a run takes ten seconds, and tries three times. */
const endsWithinMs = 180_000;
const cleanWithinMs = 15_000;
/** More than that, and the oldest go, so that the volume does not fill up. */
const mostSnapshots = 5;
const prunedAtOnce = 3;

export interface EngineOptions {
  readonly seed: string;
  /** So many have to have happened. */
  readonly faults: number;
  /** No further step begins after that. */
  readonly minutes: number | undefined;
  readonly over: Over;
}

/** In each life of the machine; resolves in the last one. @throws when something is not as it has to be */
export async function runEngine(options: EngineOptions): Promise<void> {
  const journal = await Journal.open(options.seed, volumeMiB(options.over, firstMiB));
  const engine = new Engine(options, journal);
  try {
    await engine.run();
  } catch (error) {
    const { seed, step } = journal.state;
    journal.say(`FAILED in step ${step} of seed ${seed}: ${JSON.stringify(planStep(seed, step))}`);
    journal.say(error instanceof Error ? (error.stack ?? error.message) : String(error));
    throw error;
  }
}

/** What is known at the end of a step's fault. */
interface Struck {
  readonly what: string;
  readonly missed: boolean;
  readonly agentEnded: boolean;
  readonly runs: readonly { readonly job: Job; readonly run: Run | undefined; readonly isMain: boolean }[];
}

class Engine {
  readonly #options: EngineOptions;
  readonly #journal: Journal;
  #beganMs = 0;

  constructor(options: EngineOptions, journal: Journal) {
    this.#options = options;
    this.#journal = journal;
  }

  async run(): Promise<void> {
    const { state } = this.#journal;
    await using world = await World.make(this.#options.over, (text) => this.#journal.note(text.trimEnd()));
    if (state.underWay !== undefined) await this.#goOn(world);
    else if (state.step > 0) throw new Error("the machine went away without having been asked to");
    else await this.#begin(world);
    while (!this.#isEnough()) await this.#step(world);
    for (const job of state.unsettled) await this.#settle(world, job);
    for (const job of jobs) await this.#inspect(world, job);
    await world.stopAgent();
    await this.#assertNothingLeft();
    this.#sayEnd();
  }

  #isEnough(): boolean {
    const { faults, minutes } = this.#options;
    const { state } = this.#journal;
    return state.faults >= faults || (minutes !== undefined && Date.now() - state.beganMs > minutes * 60_000);
  }

  /** The machine lets go at once; what the host has for it, only when it knows that nobody is there any more. */
  #assertNothingLeft(): Promise<void> {
    const withinMs = this.#options.over.helper === undefined ? cleanWithinMs : hostNoticesWithinMs;
    return assertNothingLeft(undefined, withinMs);
  }

  async #begin(world: World): Promise<void> {
    const { state } = this.#journal;
    const { seed } = state;
    for (const job of jobs) {
      await makeSource(sourceOf(job), new RandomSource(seed, "tree", job));
      await this.#recordSource(job);
    }
    await world.useAgent({ attempts: planStep(seed, 0).attempts, sizes: state.sizes });
    await world.createVolumes();
  }

  /** After a power cut. */
  async #goOn(world: World): Promise<void> {
    const { state } = this.#journal;
    const plan = planStep(state.seed, state.step);
    this.#beganMs = systemClock.monotonicMs();
    await world.useAgent({ attempts: plan.attempts, sizes: state.sizes });
    const runs: Struck["runs"] = await Promise.all(
      (state.underWay ?? []).map(async ({ id, job }) => ({
        job,
        run: await runOf(world.agent, id),
        isMain: job === plan.job,
      })),
    );
    state.underWay = undefined;
    await this.#afterFault(world, plan, { what: "power off", missed: false, agentEnded: false, runs }, undefined);
  }

  async #step(world: World): Promise<void> {
    const { state } = this.#journal;
    const plan = planStep(state.seed, state.step);
    this.#beganMs = systemClock.monotonicMs();
    this.#journal.note(`step ${plan.step}: ${JSON.stringify(plan)}`);
    await world.host.setLink(plan.link);
    await world.useAgent({ attempts: plan.attempts, sizes: state.sizes });
    for (const job of backedUp(plan)) {
      await changeSource(sourceOf(job), new RandomSource(state.seed, "change", plan.step, job), plan.changes);
      await this.#recordSource(job);
      state.models[job] = withBegun(state.models[job], state.sources[job]);
    }
    const started = await startVerb(plan, world, state, this.#journal.recordNamed);
    await world.lasting.settle();
    const struck = await this.#fault(world, plan, started);
    await this.#afterFault(world, plan, struck, started);
  }

  async #fault(world: World, plan: StepPlan, started: Started): Promise<Struck> {
    const { state } = this.#journal;
    const { fault } = plan;
    if (fault.kind === "image unwritable") await world.setImageWritable(plan.job, false);
    const sentBefore = (await world.host.wireBytes()).sent;
    const main = new StartedRun(world.agent, await started.begin(world.agent), plan.job);
    const beside =
      plan.beside === undefined
        ? undefined
        : new StartedRun(world.agent, (await world.agent.startBackup(plan.beside)).run?.id ?? "", plan.beside);
    const runs = beside === undefined ? [main] : [main, beside];
    const isAtOnce = fault.kind === "image unwritable" || fault.kind === "none";
    const came = isAtOnce || (await momentComes(plan.moment, main, world, sentBefore));
    const all = Promise.all(runs.map(({ ended }) => ended));
    const stories = () => runs.map(({ job, story }) => `${job}: ${story.join(", ")}`).join("; ");
    const ended = () =>
      withDeadline(all, endsWithinMs, "the runs' end").catch((error: unknown) => {
        this.#journal.say(stories());
        throw error;
      });
    // where the moment was missed, the power goes all the same: an idle machine can lose it as well
    if (!came && fault.kind !== "power off") {
      const done = await ended();
      this.#journal.note(stories());
      return {
        what: fault.kind,
        missed: true,
        agentEnded: false,
        runs: runs.map(({ job }, index) => ({ job, run: done[index], isMain: job === plan.job })),
      };
    }
    const beforeCut = async () => {
      state.underWay = runs.map(({ id, job }) => ({ id, job }));
      this.#journal.note(stories());
      await this.#journal.save();
    };
    const stricken = await withDeadline(strike(fault, main, world, beforeCut), endsWithinMs, `the fault ${fault.kind}`);
    if (stricken.outageMs !== undefined) await Promise.race([all, systemClock.sleep(stricken.outageMs)]);
    else await ended();
    await stricken.back();
    const seen = await ended();
    this.#journal.note(stories());
    if (stricken.agentEnded) {
      if (fault.kind === "stop agent") await this.#assertNothingLeft();
      await world.startAgent();
    }
    const known = await Promise.all(
      runs.map(async ({ id, job }, index) => ({
        job,
        run: stricken.agentEnded ? await runOf(world.agent, id) : seen[index],
        isMain: job === plan.job,
      })),
    );
    return { what: stricken.what, missed: stricken.missed, agentEnded: stricken.agentEnded, runs: known };
  }

  async #afterFault(world: World, plan: StepPlan, struck: Struck, started: Started | undefined): Promise<void> {
    const { state } = this.#journal;
    await this.#assertNothingLeft();
    await world.agent.status();
    const outcomes: Outcome[] = [];
    for (const { job, run, isMain } of struck.runs) {
      const outcome = outcomeOf(run);
      outcomes.push(outcome);
      const allowed = struck.missed ? ["DONE"] : allowedOutcomes(plan.fault, !isMain);
      if (!allowed.includes(outcome)) {
        const why = run?.error === undefined ? "" : `: ${run.error.message}`;
        throw new Error(`the run of ${job} ended as ${outcome}${why}; ${struck.what} allows ${allowed.join(", ")}`);
      }
      if (run !== undefined && outcome === "DONE" && run.snapshot !== "" && backedUp(plan).includes(job)) {
        state.models[job] = withDone(state.models[job], run.snapshot, state.sources[job]);
      }
      if (isMain && outcome === "DONE") await started?.whenDone?.(run);
    }
    await started?.afterwards?.();
    const faultMs = systemClock.monotonicMs() - this.#beganMs;
    const touched = plan.beside === undefined ? [plan.job] : [plan.job, plan.beside];
    const checked: string[] = [];
    if (plan.inspects || !plan.settles) {
      for (const job of touched) await this.#inspect(world, job);
      checked.push("inspected");
    }
    state.unsettled = jobs.filter((job) => (touched.includes(job) ? !plan.settles : state.unsettled.includes(job)));
    if (plan.settles) {
      for (const job of touched) await this.#settle(world, job);
      for (const job of touched) await this.#inspect(world, job);
      checked.push("settled");
    }
    if (struck.missed) state.missed += 1;
    else if (plan.fault.kind !== "none") state.faults += 1;
    this.#journal.count(struck.missed ? `${plan.fault.kind} (missed)` : plan.fault.kind, outcomes);
    this.#sayStep(plan, struck, outcomes, checked, faultMs);
    state.step += 1;
    await this.#journal.save();
  }

  /** An undisturbed backup has to succeed. */
  async #settle(world: World, job: Job): Promise<void> {
    const { state } = this.#journal;
    const followed = await withDeadline(world.agent.backup(job), endsWithinMs, "an undisturbed backup");
    assertDone(followed);
    state.models[job] = withDone(state.models[job], followed.run.snapshot, state.sources[job]);
    const known = knownSnapshots(state, job);
    if (known.length <= mostSnapshots) return;
    const oldest = known.slice(0, prunedAtOnce);
    assertDone(await world.agent.prune(job, { snapshots: oldest }));
    state.models[job] = withGone(state.models[job], oldest);
  }

  async #inspect(world: World, job: Job): Promise<void> {
    const { state } = this.#journal;
    state.models[job] = await inspect({
      image: world.image(job),
      keyFile: world.keyFile(job),
      job,
      model: state.models[job],
      recordNamed: this.#journal.recordNamed,
    });
    // what is there unfinished may still become finished, and is then what the source is
    state.models[job] = withBegun(state.models[job], state.sources[job]);
  }

  async #recordSource(job: Job): Promise<void> {
    const { state } = this.#journal;
    const name = `${job}-${state.step}`;
    await this.#journal.keepRecord(name, await recordTree(sourceOf(job)));
    state.sources[job] = name;
  }

  #sayStep(plan: StepPlan, struck: Struck, outcomes: readonly Outcome[], checked: readonly string[], faultMs: number) {
    const { moment } = plan;
    const when =
      moment.kind === "step" ? `${moment.step} +${moment.afterMs} ms` : `${moment.bytes} B sent +${moment.afterMs} ms`;
    const { fault } = plan;
    const outage = "outageMs" in fault ? ` for ${fault.outageMs} ms` : "";
    const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
    const tookMs = systemClock.monotonicMs() - this.#beganMs;
    this.#journal.say(
      [
        `${this.#journal.state.faults}`.padStart(4),
        `step ${plan.step}`,
        new Date().toISOString().slice(11, 19),
        `${plan.verb} ${plan.job}${plan.beside === undefined ? "" : ` and ${plan.beside}`} (attempts ${plan.attempts})`,
        `${struck.what}${outage} at ${when}${struck.missed ? " MISSED" : ""}`,
        outcomes.join(" and "),
        `${seconds(faultMs)}, with checks ${seconds(tookMs)}`,
        checked.join(", "),
      ].join(" | "),
    );
  }

  #sayEnd(): void {
    const { state } = this.#journal;
    const lines = Object.entries(state.tallies)
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([what, count]) => `${`${count}`.padStart(5)}  ${what}`);
    this.#journal.say(
      [...lines, `seed ${state.seed}: ${state.faults} faults in a row, ${state.missed} missed`].join("\n"),
    );
  }
}

function backedUp(plan: StepPlan): Job[] {
  if (plan.verb !== "backup" && plan.verb !== "first backup") return [];
  return plan.beside === undefined ? [plan.job] : [plan.job, plan.beside];
}
