/** What a controller may ask of a machine, in the words of `controller.allow`: the closed list. */

export const allowedWords = {
  status: "see which jobs and volumes there are, what runs, and how runs ended",
  log: "read and follow the events of runs; names of files are left out unless `ls` is allowed",
  backup: "have a job backed up, with its hooks",
  verify: "have a snapshot compared with its source",
  drill: "have a part of a snapshot restored to scratch and compared",
  check: "have a volume checked",
  prune: "have snapshots removed that the job's `keep` does not keep",
  trim: "have what is free in a volume given back to the backup host",
  cancel: "cancel runs of these verbs, whoever began them",
  snapshots: "list snapshots",
  ls: "list files in snapshots, and see names of files in what is reported of runs",
} as const;

export type AllowedWord = keyof typeof allowedWords;

export const allowedWordNames = Object.keys(allowedWords) as readonly AllowedWord[];

/** When the configuration says nothing: nothing is removed and no file is named. */
export const allowedByDefault: readonly AllowedWord[] = [
  "status",
  "log",
  "backup",
  "verify",
  "drill",
  "check",
  "cancel",
  "snapshots",
];
