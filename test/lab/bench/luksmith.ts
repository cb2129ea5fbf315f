/** luksmith over each of its transports, an agent each. From the call to the run's end. */

import { join } from "node:path";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { configPath, type Followed, LabAgent, remoteLine, runtimeDir, stateDir } from "../harness/lab-agent.ts";
import type { Place, Tool } from "./tool.ts";

export interface Way {
  readonly name: string;
  /** What the remote's configuration says of it. */
  readonly remote: string;
  /** And its volume's. */
  readonly volume?: string;
}

export const ways: readonly Way[] = [
  { name: "luksmith sshfs", remote: "" },
  { name: "luksmith tunnel", remote: "transport: nbd" },
  { name: "luksmith direct", remote: "transport: nbd, trustedWire: true" },
  { name: "luksmith btrfs", remote: "transport: nbd", volume: "filesystem: btrfs" },
];

/** The command line's own start is not in it: it is Node's, 0.05 s on a real machine and 2 s emulated. */
export function luksmith(place: Place, { name, remote, volume }: Way): Tool {
  const { host, source, target, imageMiB, kdfIterations, trace } = place;
  // one word, and short: it names a volume, and a directory with a socket in it
  const id = name.replace("luksmith ", "");
  const more = volume === undefined ? "" : `${volume}, `;
  const runtime = `${runtimeDir}-${id}`;
  const state = `${stateDir}-${id}`;
  const agentPlace = { configPath: `${configPath}-${id}`, runtimeDir: runtime };
  const config = `${remoteLine(host, remote)}
volumes: { ${id}: { remote: vault, image: ${id}.luks, size: ${imageMiB}M, ${more}kdf: { type: pbkdf2, iterations: ${kdfIterations} } } }
jobs: { files: { volume: ${id}, sources: [${source}] } }
log: { level: ${trace ? "debug" : "info"} }
runs: { attempts: 1 }
runtimeDir: ${runtime}
stateDir: ${state}
socket: { path: ${runtime}/agent.sock }
`;
  let agent: LabAgent | undefined;
  let opening = 0;
  const there = (): LabAgent => {
    if (agent === undefined) throw new Error("the agent has not started");
    return agent;
  };
  const must = async (followed: Promise<Followed>): Promise<void> => {
    const { run, events } = await followed;
    opening = secondsToOpen(events);
    if (trace) printSteps(events);
    if (run.state !== RunState.DONE) throw new Error(run.error?.message ?? "it did not end well");
  };
  return {
    name,
    setUp: async () => {
      agent = await LabAgent.start(config, { place: agentPlace });
      await agent.trust();
      await must(agent.create(id));
    },
    backup: () => must(there().backup("files")),
    restoreOne: (one) => must(there().restore("files", target, { paths: [Buffer.from(join(source, one))] })),
    restoreAll: () => must(there().restore("files", target)),
    opening: () => opening,
    restoredTo: join(target, source),
    oneRestoredTo: (one) => join(target, source, one),
    // without the history, which the agent has open
    state: [join(host.imagesPath, `${id}.luks`), join(state, "volumes"), join(state, "partials")],
    residents: () => (agent === undefined ? [] : [agent.pid]),
    tearDown: async () => agent?.stop(),
  };
}

interface StepMoment {
  readonly what: "stepBegan" | "stepEnded";
  readonly step: string;
  /** Since the run's first event. */
  readonly seconds: number;
}

function stepMoments(events: Followed["events"]): StepMoment[] {
  const started = events[0]?.time?.getTime() ?? 0;
  return events.flatMap(({ kind, time }) => {
    if (kind?.$case !== "stepBegan" && kind?.$case !== "stepEnded") return [];
    return [{ what: kind.$case, step: kind.value.step, seconds: ((time?.getTime() ?? 0) - started) / 1000 }];
  });
}

/** A connection, and with it or after it a helper's and an nbd-server's start where there are any. */
function secondsToOpen(events: Followed["events"]): number {
  const opened = stepMoments(events).filter(
    ({ what, step }) => what === "stepEnded" && ["connect", "export"].includes(step),
  );
  return Math.max(0, ...opened.map(({ seconds }) => seconds));
}

function printSteps(events: Followed["events"]): void {
  for (const { what, step, seconds } of stepMoments(events)) process.stderr.write(`${seconds} ${what} ${step}\n`);
}
