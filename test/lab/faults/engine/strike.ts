/** Faults as they happen: at their moment, to whatever is there then; and the way back from each. */

import { systemClock } from "../../../../common/clock.ts";
import { hasErrno } from "../../../../common/errors.ts";
import { PowerCut } from "../../harness/power-cut.ts";
import { childrenOf, processesBelow } from "./agent-processes.ts";
import { anyProgram, type Fault, isBrief, type Moment } from "./plan.ts";
import type { StartedRun } from "./started-run.ts";
import type { World } from "./world.ts";

const pollMs = 10;
const briefPollMs = 1;
/** From there on an image has no room any more: beyond its header and the beginning of its file system. */
const fullBytes = 24 * 2 ** 20;

export interface Stricken {
  /** In words, for the step's line. */
  readonly what: string;
  /** The run was not there any more. */
  readonly missed: boolean;
  /** The agent was ended by it. */
  readonly agentEnded: boolean;
  /** All is as before again, but for the agent. To be called when the runs have ended, or when the outage is over. */
  readonly back: () => Promise<void>;
  /** For how long it is to last; for as long as the runs, when undefined. */
  readonly outageMs: number | undefined;
}

const nothing = async () => undefined;

/** Waits for the moment. @returns false when the run ended before it came */
export async function momentComes(moment: Moment, run: StartedRun, world: World, sentBefore: number): Promise<boolean> {
  const over = run.ended.then(() => false);
  const comes = async () => {
    if (moment.kind === "step") await run.stepBegan(moment.step);
    else await hasSent(world, sentBefore + moment.bytes, over);
    await systemClock.sleep(moment.afterMs);
    return true;
  };
  return Promise.race([over, comes()]);
}

async function hasSent(world: World, bytes: number, over: Promise<boolean>): Promise<void> {
  let ended = false;
  void over.then(() => {
    ended = true;
  });
  while (!ended && (await world.host.wireBytes()).sent < bytes) await systemClock.sleep(pollMs);
}

/** @param beforeCut puts down all that has to be known after a power cut */
export async function strike(
  fault: Fault,
  run: StartedRun,
  world: World,
  beforeCut: () => Promise<void>,
): Promise<Stricken> {
  const { host, agent } = world;
  const plain = { missed: false, agentEnded: false, back: nothing, outageMs: 0 };
  const silence = "silent" in fault && fault.silent;
  if (silence) await host.unplug();
  const back = silence ? () => host.plugIn() : nothing;
  const alone = silence ? ", host silent" : "";
  switch (fault.kind) {
    case "none":
      return { ...plain, what: "none" };
    case "blip":
    case "unplug":
      await host.unplug();
      return { ...plain, what: fault.kind, outageMs: fault.outageMs, back: () => host.plugIn() };
    case "host stop":
      await host.stop();
      return { ...plain, what: fault.kind, outageMs: fault.outageMs, back: () => host.start() };
    case "freeze":
      await host.freezeConnections();
      return { ...plain, what: fault.kind, outageMs: fault.outageMs, back: () => host.thawConnections() };
    case "disk full":
      await host.limitFiles(fullBytes);
      return { ...plain, what: fault.kind, outageMs: fault.outageMs, back: () => host.liftLimit() };
    case "image unwritable":
      // done already: before the run began
      return {
        ...plain,
        what: fault.kind,
        outageMs: fault.outageMs,
        back: () => world.setImageWritable(run.job, true),
      };
    case "kill":
    case "hang": {
      const struck = await signalProgram(fault, run, agent.pid);
      return { ...plain, what: `${fault.kind} ${struck ?? fault.program}`, missed: struck === undefined };
    }
    case "cancel":
      for (let time = 0; time < fault.times; time += 1) await agent.cancel(run.id);
      return { ...plain, what: `cancel x${fault.times}${alone}`, back, outageMs: undefined };
    case "stop agent": {
      if (fault.times === 2) process.kill(agent.pid, "SIGTERM");
      await world.stopAgent();
      return { ...plain, what: `SIGTERM to agent x${fault.times}${alone}`, back, agentEnded: true };
    }
    case "kill agent": {
      await agent.stop("SIGKILL");
      world.forgetAgent();
      await back();
      if (fault.againMs !== undefined) await world.startAgentInVain(fault.againMs);
      const again = fault.againMs === undefined ? "" : ` and the next after ${fault.againMs} ms`;
      return { ...plain, what: `SIGKILL to agent${again}${alone}`, agentEnded: true };
    }
    case "power off": {
      await beforeCut();
      const cut = await PowerCut.request();
      return await cut.comes();
    }
  }
}

/** @returns its name; undefined when there was none before the run ended */
async function signalProgram(
  { kind, program, which, nth }: Extract<Fault, { kind: "kill" | "hang" }>,
  run: StartedRun,
  agentPid: number,
): Promise<string | undefined> {
  let ended = false;
  void run.ended.then(() => {
    ended = true;
  });
  const seen = new Set<number>();
  const brief = isBrief(program);
  for (; !ended; await systemClock.sleep(brief ? briefPollMs : pollMs)) {
    const all = brief ? childrenOf(agentPid) : await processesBelow(agentPid);
    const these = program === anyProgram ? all : all.filter(({ name }) => name === program);
    const one = these[Math.floor(which * these.length)];
    if (one === undefined) continue;
    seen.add(one.pid);
    if (seen.size < nth) continue;
    try {
      process.kill(one.pid, kind === "kill" ? "SIGKILL" : "SIGSTOP");
      return one.name;
    } catch (error) {
      if (!hasErrno(error, "ESRCH")) throw error;
    }
  }
  return undefined;
}
