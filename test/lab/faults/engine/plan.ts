/** What is done in a step, and what happens to it: nothing but the seed and the step's number decide. Pure. */

import { RandomSource } from "./random-source.ts";

export const jobs = ["a", "b"] as const;
/** Each has a volume of the same name to itself. */
export type Job = (typeof jobs)[number];

export type VerbName =
  | "backup"
  /** All finished snapshots are removed before: there is nothing to share files with, and a large file is gone on with in place. */
  | "first backup"
  | "restore"
  | "verify"
  | "snapshots"
  | "ls"
  | "prune"
  | "resize"
  | "check";

/** A random process of the agent's, whatever is there. */
export const anyProgram = "any";
/** Gone after a moment: what is waited for is that there is one. */
const briefPrograms: readonly [string, ...string[]] = [
  ...(["cat", "cmp", "cp", "cryptsetup", "dd", "dmsetup", "dumpe2fs", "e2fsck", "find", "losetup"] as const),
  ...["mkdir", "mount", "mv", "resize2fs", "rm", "stat", "sync", "test", "umount"],
];

export type Fault =
  | { readonly kind: "none" }
  /** Too short to be noticed. */
  | { readonly kind: "blip"; readonly outageMs: number }
  | { readonly kind: "unplug"; readonly outageMs: number }
  | { readonly kind: "host stop"; readonly outageMs: number }
  | { readonly kind: "freeze"; readonly outageMs: number }
  | { readonly kind: "disk full"; readonly outageMs: number }
  /** From before the run begins. */
  | { readonly kind: "image unwritable"; readonly outageMs: number }
  /**
   * @property which of those that are there: a fraction of their number
   * @property nth of those that come, where it is over in a moment
   */
  | { readonly kind: "kill" | "hang"; readonly program: string; readonly which: number; readonly nth: number }
  | { readonly kind: "cancel" | "stop agent"; readonly times: 1 | 2; readonly silent: boolean }
  /** @property againMs the next agent is killed so long after its start, as well */
  | { readonly kind: "kill agent"; readonly silent: boolean; readonly againMs: number | undefined }
  | { readonly kind: "power off"; readonly silent: boolean };

export type FaultKind = Fault["kind"];

export type Moment =
  /** So long after a step of the run has begun. "work" is whichever the verb is there for. */
  | { readonly kind: "step"; readonly step: string; readonly afterMs: number }
  /** So many bytes have gone to the backup host since the run was started, and so long after that. */
  | { readonly kind: "sent"; readonly bytes: number; readonly afterMs: number };

export interface StepPlan {
  readonly step: number;
  readonly verb: VerbName;
  readonly job: Job;
  /** The other job is backed up at the same time. */
  readonly beside: Job | undefined;
  /** So many changes to the source of each job that is backed up. */
  readonly changes: number;
  readonly link: { readonly rttMs: number; readonly mbit: number };
  readonly attempts: 1 | 3;
  readonly fault: Fault;
  readonly moment: Moment;
  /** What the fault has left is looked at before anything else is done with it. */
  readonly inspects: boolean;
  /** An undisturbed backup follows. */
  readonly settles: boolean;
}

/** Another number of attempts takes another agent. */
const stepsWithOneAgent = 6;

export function planStep(seed: string, step: number): StepPlan {
  const random = new RandomSource(seed, "step", step);
  const verb = random.weighted<VerbName>([
    [56, "backup"],
    [12, "first backup"],
    [7, "restore"],
    [4, "verify"],
    [2, "snapshots"],
    [2, "ls"],
    [6, "prune"],
    [6, "resize"],
    [4, "check"],
  ]);
  const isBackup = verb === "backup" || verb === "first backup";
  const job = random.pick(jobs);
  const other = job === "a" ? "b" : "a";
  const fault = planFault(random, isBackup);
  return {
    step,
    verb,
    job,
    beside: isBackup && random.chance(0.15) ? other : undefined,
    changes: isBackup ? random.whole(0, 10) : 0,
    link: { rttMs: random.pick([0, 0, 5, 20]), mbit: random.pick([16, 32, 100]) },
    attempts: new RandomSource(seed, "agent", Math.floor(step / stepsWithOneAgent)).pick([1, 3]),
    fault,
    moment:
      "program" in fault && isBrief(fault.program)
        ? { kind: "step", step: "connect", afterMs: 0 }
        : planMoment(random, verb),
    inspects: random.chance(0.3),
    settles: random.chance(0.75),
  };
}

function planFault(random: RandomSource, isBackup: boolean): Fault {
  const silent = random.chance(0.25);
  const outageMs = random.whole(300, 12_000);
  const times = random.pick([1, 2] as const);
  const program = random.weighted<string>([
    [10, anyProgram],
    [6, isBackup ? "rsync" : anyProgram],
    [4, "sshfs"],
    [4, "ssh"],
    [10, random.pick(briefPrograms)],
  ]);
  const nth = isBrief(program) ? random.pick([1, 1, 1, 2, 3]) : 1;
  const which = random.fraction();
  return random.weighted<Fault>([
    [4, { kind: "none" }],
    [4, { kind: "blip", outageMs: random.whole(100, 1000) }],
    [12, { kind: "unplug", outageMs }],
    [12, { kind: "host stop", outageMs }],
    [8, { kind: "freeze", outageMs }],
    [8, { kind: "disk full", outageMs }],
    [3, { kind: "image unwritable", outageMs }],
    [22, { kind: "kill", program, which, nth }],
    [7, { kind: "hang", program: random.pick(["sshfs", "ssh"]), which, nth: 1 }],
    [10, { kind: "cancel", times, silent }],
    [7, { kind: "stop agent", times, silent }],
    [12, { kind: "kill agent", silent, againMs: random.chance(0.4) ? random.whole(100, 4000) : undefined }],
    [6, { kind: "power off", silent }],
  ]);
}

export function isBrief(program: string): boolean {
  return briefPrograms.includes(program);
}

function planMoment(random: RandomSource, verb: VerbName): Moment {
  const sends = verb === "backup" || verb === "first backup" || verb === "resize" || verb === "prune";
  if (sends && random.chance(0.45)) {
    const most = verb === "first backup" ? 7_000_000 : verb === "backup" ? 2_000_000 : 60_000;
    return { kind: "sent", bytes: random.whole(10_000, most), afterMs: random.whole(0, 50) };
  }
  const step = random.weighted([
    [2, "connect"],
    [1, "unlock"],
    [2, "mount"],
    [8, "work"],
    [verb === "backup" || verb === "first backup" ? 2 : 0, "seal"],
    [2, "detach"],
  ]);
  const most = step === "work" ? 3000 : step === "connect" ? 1500 : 600;
  return { kind: "step", step, afterMs: random.whole(0, most) };
}
