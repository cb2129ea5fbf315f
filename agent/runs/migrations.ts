/** The schema of the run history, as numbered steps. A step that was released is never edited: a new one follows it. */

import type { DatabaseSync } from "node:sqlite";
import { LuksmithError } from "../../common/errors.ts";

/** Step n leads to version n + 1, which SQLite keeps in its header (PRAGMA user_version). */
export const migrations: readonly string[] = [
  // Verbs and states by their names in the protocol; times in milliseconds since 1970; totals as protobuf's JSON.
  // An event is a whole luksmith.v1.RunEvent in protobuf's own bytes: file names need not be UTF-8, so they have no
  // honest form as JSON text, and what is replayed is then exactly what was sent live.
  `create table runs (
     id text primary key,
     verb text not null,
     volume text not null,
     job text not null,
     snapshot text not null,
     state text not null,
     dry_run integer not null,
     started_ms integer not null,
     finished_ms integer,
     uid integer not null,
     user_name text not null,
     error_code text,
     error_message text,
     error_hint text,
     summary text not null,
     totals text not null
   ) strict, without rowid;
   create table events (
     run_id text not null references runs (id) on delete cascade,
     seq integer not null,
     event blob not null,
     primary key (run_id, seq)
   ) strict, without rowid;`,
  // Volumes whose snapshots are to be read for the backups that made them, because the history of those was lost.
  `create table volumes_to_recall (
     volume text primary key
   ) strict, without rowid;`,
  // For which occurrences of schedules something was begun, in the order (rowid) in which that was written down: a clock may have been
  // wrong meanwhile. moment_ms is the occurrence, state "running", "ended" or "refused" (there was no run then).
  // Since when a schedule is this machine's, and by which times that is so. And why a run began, which outlives the occurrence:
  // a schedule's occurrence, or somebody's wish, dispatch_id.
  `create table occurrences (
     schedule text not null,
     verb text not null,
     job text not null,
     volume text not null,
     moment_ms integer not null,
     begun_ms integer not null,
     run_id text not null,
     tries integer not null,
     state text not null,
     unique (schedule, verb, job, volume, moment_ms)
   ) strict;
   create table schedules_seen (
     schedule text not null,
     verb text not null,
     job text not null,
     volume text not null,
     times text not null,
     since_ms integer not null,
     unique (schedule, verb, job, volume)
   ) strict;
   create table run_causes (
     run_id text primary key,
     schedule text not null,
     moment_ms integer,
     dispatch_id text not null
   ) strict, without rowid;`,
  // What the controller has of each run; its orders (a luksmith.v1.Dispatch each), with what became of them; since which run it is told of
  // them.
  `create table reported_runs (
     run_id text primary key references runs (id) on delete cascade,
     seq integer not null,
     ended integer not null
   ) strict, without rowid;
   create table dispatches (
     id text primary key,
     message blob not null,
     controller text not null,
     accepted_ms integer not null,
     run_id text not null,
     error blob,
     recorded integer not null
   ) strict, without rowid;
   create table enrolments (
     machine_id text primary key,
     after_run text not null
   ) strict, without rowid;`,
  // Why an occurrence could not begin: a luksmith.v1.ErrorDetail.
  `alter table occurrences add column error blob;`,
];

/**
 * Brings a database up to date; the version is written first, all of it in one transaction.
 * @returns whether there was nothing in it before
 * @throws {LuksmithError} "config" when a newer program made it
 */
export function migrate(database: DatabaseSync, path: string): "new" | "known" {
  database.exec("begin immediate");
  try {
    const version = Number(database.prepare("pragma user_version").get()?.user_version);
    if (version > migrations.length) {
      throw new LuksmithError(
        "config",
        `${path} was written by a newer luksmith (schema ${version}, this one knows ${migrations.length})`,
        { hint: "install the newer luksmith again, or move that file away: it holds only the history of runs" },
      );
    }
    if (version < migrations.length) database.exec(`pragma user_version = ${migrations.length}`);
    for (const step of migrations.slice(version)) database.exec(step);
    database.exec("commit");
    return version === 0 ? "new" : "known";
  } catch (error) {
    if (database.isTransaction) database.exec("rollback");
    throw error;
  }
}
