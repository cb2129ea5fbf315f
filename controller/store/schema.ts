/**
 * The controller's tables, as SQLite and PostgreSQL both have them: text, whole numbers, bytes; moments as milliseconds since the
 * epoch; ids made here, never by the database. What is asked of a table alone is in a file of its own beside this one.
 */

import type { Generated, Kysely } from "kysely";

/** Of the fleet as a whole, such as the phase of a rotation. */
interface SettingsTable {
  name: string;
  value: string;
}

interface AuthoritiesTable {
  /** SHA-256 of the certificate, in hexadecimal. */
  fingerprint: string;
  /** PEM. */
  certificate: string;
  /** Opens with the secret that is in no database. */
  sealed_key: Uint8Array;
  created_ms: number;
  expires_ms: number;
}

interface CertificatesTable {
  /** Hexadecimal. */
  serial: string;
  kind: "machine" | "operator" | "controller";
  /** A machine's or controller's id, an operator's name. */
  owner: string;
  /** Fingerprint of the authority that issued it. */
  issuer: string;
  issued_ms: number;
  expires_ms: number;
  revoked_ms: number | null;
}

interface TokensTable {
  id: string;
  /** SHA-256 of the secret. */
  hash: Uint8Array;
  /** JSON: an object of text. */
  labels: string;
  created_ms: number;
  created_by: string;
  expires_ms: number;
  uses: number;
  uses_left: number;
  name: string;
  name_pattern: string;
  revoked_ms: number | null;
}

interface MachinesTable {
  id: string;
  /** Null while nobody has confirmed one. No two are the same. */
  name: string | null;
  hostname: string;
  state: "pending" | "active" | "revoked";
  /** JSON: an object of text. */
  labels: string;
  version: string;
  /** The token that it came with. */
  token_id: string;
  enrolled_ms: number;
  last_seen_ms: number | null;
  clock_skew_ms: number;
  /** The controller that has its stream; null: none. */
  controller_id: string | null;
  /** Which start of the agent that is. */
  instance: string;
  /** Where that is, as "host:port"; not anybody's word, but where the connection came from. */
  address: Generated<string>;
  /** Counts its streams: of two, the one with the lower number is the older. */
  stream: number;
  /** luksmith.v1.Inventory. */
  inventory: Uint8Array;
  /** luksmith.v1.Trust. */
  trust: Uint8Array;
  /** The revision of the schedules that it has. */
  schedules_revision: string;
  notice: string;
}

interface OperatorsTable {
  name: string;
  role: "viewer" | "operator" | "admin";
  /** A selector; empty: every machine. */
  scope: string;
  created_ms: number;
  created_by: string;
  revoked_ms: number | null;
  last_seen_ms: number | null;
}

interface SchedulesTable {
  name: string;
  /** JSON, checked when it was applied. */
  definition: string;
  /** As somebody wrote it, YAML. */
  text: string;
  /** Counts its changes. */
  revision: number;
  /** Occurrences before that are nobody's. */
  since_ms: number;
  changed_ms: number;
  changed_by: string;
}

interface DispatchesTable {
  id: string;
  /** Of all that were asked at once. */
  batch: string;
  machine_id: string;
  /** luksmith.v1.Work. */
  work: Uint8Array;
  state: "queued" | "sent" | "running" | "refused" | "ended" | "expired" | "cancelled";
  created_ms: number;
  created_by: string;
  expires_ms: number;
  changed_ms: number;
  run_id: string | null;
  /** luksmith.v1.ErrorDetail. */
  error: Uint8Array | null;
  /** Who wanted it no more; empty: nobody. */
  cancelled_by: Generated<string>;
}

interface RunsTable {
  machine_id: string;
  run_id: string;
  /** As in JSON: "VERB_BACKUP" or its number. */
  verb: string;
  job: string;
  volume: string;
  state: string;
  started_ms: number;
  finished_ms: number | null;
  schedule: string | null;
  occurrence_ms: number | null;
  dispatch_id: string | null;
  /** When it counts as missing; null: never. */
  late_ms: number | null;
  /** luksmith.v1.RunReport: all of it. */
  report: Uint8Array;
}

interface RunEventsTable {
  machine_id: string;
  run_id: string;
  seq: number;
  /** luksmith.v1.RunEvent. */
  event: Uint8Array;
}

/** What is kept for each machine. */
interface UsageTable {
  machine_id: string;
  /** Of its events, with what a row costs. */
  event_bytes: number;
  runs: number;
}

/** What is asked of each job most often, so that nobody looks through all runs for it. */
interface JobStatesTable {
  machine_id: string;
  job: string;
  /** The newest good snapshot; null: none that is known. */
  last_good_ms: number | null;
  /** The newest backup that has ended. */
  last_run_id: string | null;
  last_state: string | null;
  last_started_ms: number | null;
  /** Since when the job is known: what never succeeded is missing from then on. */
  since_ms: number;
}

interface PermitsTable {
  schedule: string;
  occurrence_ms: number;
  machine_id: string;
  job: string;
  volume: string;
  backup_host: string;
  asked_ms: number;
  /** Null: it waits. */
  granted_ms: number | null;
  /** Whoever has not been heard of by then has it no longer. */
  expires_ms: number;
}

interface AlertsTable {
  id: string;
  /** What it is about: kind, machine, job; of those that are not resolved no two are the same. */
  subject: string;
  kind: string;
  machine_id: string;
  job: string;
  state: "pending" | "firing" | "resolved";
  /** Since when it is so. */
  since_ms: number;
  /** Since when it was seen each time that somebody looked. */
  seen_ms: number;
  fired_ms: number | null;
  /** Since when it is not so any more; null: it is. */
  clear_ms: number | null;
  resolved_ms: number | null;
  /** How often it had come back before, each time within a day. */
  flaps: number;
  message: string;
  notified: number;
  notified_ms: number | null;
}

/** Messages that are to leave, and that stay here until they have. */
interface DeliveriesTable {
  id: string;
  channel: string;
  /** JSON. */
  payload: string;
  created_ms: number;
  attempts: number;
  /** Null: done, or given up. */
  next_ms: number | null;
  error: string;
}

interface ControllersTable {
  id: string;
  address: string;
  version: string;
  started_ms: number;
  seen_ms: number;
}

interface AuditTable {
  id: string;
  time_ms: number;
  operator: string;
  action: string;
  target: string;
  allowed: number;
  detail: string;
}

interface RevokedControllersTable {
  id: string;
  revoked_ms: number;
  revoked_by: string;
}

export interface Tables {
  settings: SettingsTable;
  authorities: AuthoritiesTable;
  certificates: CertificatesTable;
  tokens: TokensTable;
  machines: MachinesTable;
  operators: OperatorsTable;
  schedules: SchedulesTable;
  dispatches: DispatchesTable;
  runs: RunsTable;
  run_events: RunEventsTable;
  usage: UsageTable;
  job_states: JobStatesTable;
  permits: PermitsTable;
  alerts: AlertsTable;
  deliveries: DeliveriesTable;
  controllers: ControllersTable;
  revoked_controllers: RevokedControllersTable;
  audit: AuditTable;
}

/** The whole store, or a transaction on it. */
export type Database = Kysely<Tables>;
