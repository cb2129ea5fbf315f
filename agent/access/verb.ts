/**
 * What `access` can grant: the closed list, each verb named as the command line names it, with what it is about.
 *
 * `target` says what a request must name before it can be judged:
 * - "none": nothing; the verb is about the whole agent
 * - "listing": a volume, a job or nothing; asked for nothing, the answer holds only what the rules cover
 * - "volume": a volume
 * - "job": a job and its volume
 * - "run": the volume of a run, and its job if it has one
 */

type TargetKind = "none" | "listing" | "volume" | "job" | "run";

export const accessVerbs = {
  status: { target: "listing", grants: "see that the agent runs, which jobs there are and when each last succeeded" },
  doctor: { target: "none", grants: "have the tools, the configuration and the remotes examined" },
  audit: { target: "none", grants: "read the audit log: who asked for what, and what was decided" },
  trust: {
    target: "none",
    grants: "decide which SSH host keys are trusted, for every remote, and have remotes tried (`remote check`)",
  },
  volumes: { target: "listing", grants: "list volumes" },
  snapshots: { target: "listing", grants: "list snapshots" },
  runs: { target: "listing", grants: "list runs and see how they ended" },
  create: { target: "volume", grants: "create the volume" },
  adopt: { target: "volume", grants: "look at an image that was made by hand; to make a volume of it is root's" },
  check: { target: "volume", grants: "check the volume, and accept a rollback of it; `--repair` is root's" },
  resize: { target: "volume", grants: "give the volume its configured size" },
  keys: {
    target: "volume",
    grants: "see which key slots the volume has; to change them, and the recovery kit, is root's",
  },
  trim: { target: "volume", grants: "give what is free in the volume back to the backup host" },
  backup: {
    target: "job",
    grants: "run the job's backup now, with its hooks; a job that has a user is that user's alone to start",
  },
  ls: {
    target: "job",
    grants:
      "list, find, compare and measure what is in the job's snapshots, as far as the caller's own rights to it go",
  },
  browse: {
    target: "job",
    grants: "look through the job's snapshots in a directory, as far as the caller's own rights to the files go",
  },
  restore: {
    target: "job",
    grants:
      "bring files of the job back: those the caller may read, to where the caller may write or to standard output",
  },
  verify: { target: "job", grants: "compare a snapshot with the source, which names files of anybody's that differ" },
  drill: {
    target: "job",
    grants: "have a part of a snapshot restored to scratch and compared, which names files of anybody's that differ",
  },
  prune: { target: "job", grants: "remove snapshots of the job for good" },
  pin: { target: "job", grants: "pin snapshots of the job, so that no rule removes them, and unpin them" },
  log: { target: "run", grants: "read and follow the events of runs" },
  cancel: { target: "run", grants: "cancel runs" },
} as const satisfies Record<string, { target: TargetKind; grants: string }>;

export type AccessVerb = keyof typeof accessVerbs;

export const accessVerbNames = Object.keys(accessVerbs) as readonly AccessVerb[];
