/**
 * Every object that `--json` prints is made here, and docs/cli-json.md says what each field means.
 *
 * One object a line with a `type`. Every field is always there: what is not known is null, with one exception: names
 * that are not UTF-8 have a second field with the bytes. Times are ISO 8601 in UTC, sizes bytes, durations
 * milliseconds, enumerations lower-case words.
 */

import type { LuksmithError } from "../common/errors.ts";
import { showName, utf8Name } from "../common/file-name.ts";
import { jsonText } from "../common/json-text.ts";
import type { SetupReport } from "../common/setup-report.ts";
import {
  type AuditEntry,
  AuditEntry_Decision,
  type CheckAccessResponse,
  type Finding,
  Finding_Level,
  type FleetConnection,
  FleetConnection_State,
  type GetStatusResponse,
  type HostKey,
  type Job,
  type JoinFleetResponse,
  type KeySlot,
  KeySlot_Role,
  type LeaveFleetResponse,
  type ListKeysResponse,
  type RemoteFinding,
  RemoteFinding_Level,
  type ScanRemoteResponse,
  type Volume,
} from "../proto/gen/luksmith/v1/agent.ts";
import type { Difference, FoundPath, SnapshotSize } from "../proto/gen/luksmith/v1/looking.ts";
import {
  type ErrorDetail,
  type FileEntry,
  FileEntry_Type,
  Item_Action,
  type Progress,
  type Retry,
  type Run,
  type RunEvent,
  RunState,
  type RunTotals,
  type Snapshot,
  Verb,
} from "../proto/gen/luksmith/v1/types.ts";
import { enumName } from "./enum-name.ts";

export const jsonTypes = [
  "version",
  "status",
  "volume",
  "job",
  "run",
  "run_started",
  "step_began",
  "step_ended",
  "progress",
  "warning",
  "note",
  "item",
  "run_ended",
  "attempt_failed",
  "detached",
  "volume_created",
  "keys",
  "recovery_passphrase",
  "kit",
  "snapshot",
  "file",
  "difference",
  "found",
  "snapshot_size",
  "remote",
  "remote_trusted",
  "setup_step",
  "setup_note",
  "setup_end",
  "remote_finding",
  "finding",
  "browse",
  "access",
  "audit",
  "fleet",
  "fleet_token",
  "fleet_machine",
  "fleet_machine_forgotten",
  "fleet_schedule",
  "fleet_schedule_change",
  "fleet_apply",
  "fleet_dispatch",
  "fleet_skipped",
  "fleet_run",
  "fleet_view",
  "fleet_alert",
  "fleet_channel",
  "fleet_operator",
  "fleet_authorities",
  "fleet_controller",
  "fleet_audit",
  "enrolled",
  "left",
  "error",
] as const;

export type JsonType = (typeof jsonTypes)[number];

export interface JsonObject {
  readonly type: JsonType;
  readonly [field: string]: unknown;
}

/** One line, without the line break. */
export function jsonLine(object: JsonObject): string {
  return jsonText(object);
}

export function versionJson(version: string): JsonObject {
  return { type: "version", version };
}

export function statusJson(status: GetStatusResponse): JsonObject {
  return {
    type: "status",
    version: status.version,
    hostname: status.hostname,
    startedAt: time(status.startedAt),
    configPath: status.configPath,
    memoryBytes: status.memoryBytes,
    fleet: orNull(status.fleet, fleetFields),
    running: status.running.map(runFields),
    jobs: status.jobs.map((job) => ({
      job: job.job,
      volume: job.volume,
      lastGood: orNull(job.lastGood, runFields),
      last: orNull(job.last, runFields),
      lastDrill: orNull(job.lastDrill, runFields),
      nextStart: time(job.nextStart),
      nextSchedule: textOrNull(job.nextSchedule),
      waitsFor: textOrNull(job.waitsFor),
    })),
  };
}

function fleetFields(fleet: FleetConnection) {
  return {
    state: enumName(FleetConnection_State, fleet.state),
    since: time(fleet.since),
    machineId: textOrNull(fleet.machineId),
    name: textOrNull(fleet.name),
    address: textOrNull(fleet.address),
    controller: textOrNull(fleet.controller),
    error: orNull(fleet.error, errorFields),
    nextAttempt: time(fleet.nextAttempt),
    certificateExpires: time(fleet.certificateExpires),
    unreported: fleet.unreported,
  };
}

export function volumeJson(volume: Volume): JsonObject {
  return {
    type: "volume",
    name: volume.name,
    remote: volume.remote,
    image: volume.image,
    filesystem: volume.filesystem,
    configuredSize: volume.configuredSize,
    size: volume.created ? volume.size : null,
    created: volume.created,
    luksUuid: textOrNull(volume.luksUuid),
    generation: volume.generation,
    jobs: volume.jobs,
    heldBy: orNull(volume.heldBy, runFields),
    unclean: volume.unclean,
  };
}

export function jobJson(job: Job): JsonObject {
  const { name, volume, sources, exclude, sourcesBelow } = job;
  return { type: "job", name, volume, sources, exclude, user: textOrNull(job.user), sourcesBelow };
}

export function runJson(run: Run): JsonObject {
  return { type: "run", ...runFields(run) };
}

/** @returns undefined for an event of a kind that is newer than this program */
export function eventJson(runId: string, event: RunEvent): JsonObject | undefined {
  const common = { runId, seq: event.seq, time: time(event.time) };
  const kind = event.kind;
  switch (kind?.$case) {
    case "started":
      return { type: "run_started", ...common, run: orNull(kind.value.run, runFields) };
    case "stepBegan":
      return { type: "step_began", ...common, step: kind.value.step };
    case "stepEnded": {
      const { step, durationMs, error } = kind.value;
      return { type: "step_ended", ...common, step, durationMs, error: orNull(error, errorFields) };
    }
    case "progress":
      return { type: "progress", ...common, ...progressFields(kind.value) };
    case "warning":
      return { type: "warning", ...common, message: kind.value.message, ...name("path", kind.value.path) };
    case "note":
      return { type: "note", ...common, message: kind.value.message };
    case "item": {
      const { action, path, size, reason } = kind.value;
      const what = { action: enumName(Item_Action, action), ...name("path", path), size };
      return { type: "item", ...common, ...what, reason: textOrNull(reason) };
    }
    case "attemptFailed":
      return { type: "attempt_failed", ...common, retry: orNull(kind.value.retry, retryFields) };
    case "ended":
      return { type: "run_ended", ...common, run: orNull(kind.value.run, runFields) };
    case undefined:
      return undefined;
  }
}

/** @param reason "asked": --detach; "interrupted": by a signal */
export function detachedJson(run: Run, reason: "asked" | "interrupted"): JsonObject {
  return { type: "detached", reason, run: runFields(run) };
}

export interface CreatedVolume {
  readonly volume: string;
  readonly runId: string;
  /** False when the run was still under way when this was said. */
  readonly finished: boolean;
  /** Empty when the key is the user's own. */
  readonly recoveryPassphrase: string;
  readonly keyFile: string;
  readonly headerFile: string;
}

export function volumeCreatedJson(created: CreatedVolume): JsonObject {
  return {
    type: "volume_created",
    volume: created.volume,
    runId: created.runId,
    finished: created.finished,
    recoveryPassphrase: textOrNull(created.recoveryPassphrase),
    keyFile: textOrNull(created.keyFile),
    headerFile: textOrNull(created.headerFile),
  };
}

/** What a slot is, in a word. */
function slotKind({ agents, role }: KeySlot): string {
  return agents ? "agent" : enumName(KeySlot_Role, role);
}

export function keysJson(
  volume: string,
  { slots, source, sourceText, fault, unfinished, reencrypting }: ListKeysResponse,
): JsonObject {
  return {
    type: "keys",
    volume,
    source,
    sourceText,
    fault: orNull(fault, errorFields),
    unfinished,
    reencrypting,
    slots: slots.map((slot) => ({ slot: slot.slot, kind: slotKind(slot), kdf: slot.kdf, addedAt: time(slot.addedAt) })),
  };
}

export interface MadePassphrase {
  readonly volume: string;
  readonly runId: string;
  /** False when the run was still under way when this was said, or has failed. */
  readonly finished: boolean;
  readonly recoveryPassphrase: string;
}

export function recoveryPassphraseJson(made: MadePassphrase): JsonObject {
  return { type: "recovery_passphrase", ...made };
}

/** @param slot the one that the kit's passphrase opens @param others further recovery passphrases that still open the volume */
export function kitJson(kit: {
  volume: string;
  directory: string;
  files: string[];
  slot: number;
  others: number[];
}): JsonObject {
  return { type: "kit", ...kit };
}

export function snapshotJson(snapshot: Snapshot): JsonObject {
  const recorded = snapshot.runId !== "" || snapshot.files > 0;
  return {
    type: "snapshot",
    job: snapshot.job,
    name: snapshot.name,
    time: time(snapshot.time),
    latest: snapshot.latest,
    partial: snapshot.partial,
    incomplete: snapshot.incomplete,
    files: recorded ? snapshot.files : null,
    bytes: recorded ? snapshot.bytes : null,
    bytesCopied: recorded ? snapshot.bytesCopied : null,
    warnings: recorded ? snapshot.warnings : null,
    runId: textOrNull(snapshot.runId),
    pinned: snapshot.pinned,
    note: textOrNull(snapshot.note),
  };
}

export function fileJson(entry: FileEntry): JsonObject {
  return { type: "file", ...fileFields(entry) };
}

export function differenceJson({ before, after, ...differs }: Difference): JsonObject {
  const path = (after ?? before)?.path ?? Buffer.alloc(0);
  return {
    type: "difference",
    ...name("path", path),
    change: before === undefined ? "added" : after === undefined ? "removed" : "changed",
    differs: Object.entries(differs).flatMap(([what, does]) => (does ? [what] : [])),
    before: orNull(before, fileFields),
    after: orNull(after, fileFields),
  };
}

export function foundJson({ path, versions, goneIn }: FoundPath): JsonObject {
  return {
    type: "found",
    ...name("path", path),
    versions: versions.map((version) => ({
      kind: enumName(FileEntry_Type, version.type),
      size: version.size,
      modified: time(version.modified),
      snapshots: version.snapshots,
    })),
    goneIn: textOrNull(goneIn),
  };
}

export function snapshotSizeJson({ snapshot, partial, bytes, ownBytes }: SnapshotSize): JsonObject {
  return { type: "snapshot_size", snapshot: textOrNull(snapshot), partial, bytes, ownBytes };
}

export function remoteJson(scan: ScanRemoteResponse): JsonObject {
  return {
    type: "remote",
    name: scan.remote,
    host: scan.host,
    port: scan.port,
    offered: scan.offered.map(hostKeyFields),
    trusted: scan.trusted.map(hostKeyFields),
  };
}

/** @param changed false when this very key was trusted before */
export function remoteTrustedJson(remote: string, key: HostKey, changed: boolean): JsonObject {
  return { type: "remote_trusted", name: remote, changed, key: hostKeyFields(key) };
}

export function enrolledJson({ machineId, name, address }: JoinFleetResponse): JsonObject {
  return { type: "enrolled", machine: machineId, name: name || null, address };
}

export function leftJson({ machineId }: LeaveFleetResponse): JsonObject {
  return { type: "left", machine: machineId || null };
}

export function setupReportJson(report: SetupReport): JsonObject {
  switch (report.type) {
    case "step":
      return { type: "setup_step", says: report.says, changes: report.changes, detail: report.detail };
    case "note":
      return { type: "setup_note", message: report.message };
    case "end":
      return { type: "setup_end", changes: report.changes, dryRun: report.dryRun };
  }
}

export function remoteFindingJson({ level, subject, message, hint }: RemoteFinding): JsonObject {
  return { type: "remote_finding", level: enumName(RemoteFinding_Level, level), subject, message, hint: hint || null };
}

export function findingJson(finding: Finding): JsonObject {
  return {
    type: "finding",
    level: enumName(Finding_Level, finding.level),
    subject: finding.subject,
    message: finding.message,
    hint: textOrNull(finding.hint),
  };
}

export interface OpenBrowse {
  readonly runId: string;
  readonly job: string;
  readonly path: string;
}

export function browseJson({ runId, job, path }: OpenBrowse): JsonObject {
  return { type: "browse", runId, job, path };
}

export function accessJson(answer: CheckAccessResponse): JsonObject {
  return {
    type: "access",
    user: answer.user,
    uid: answer.uid,
    verb: answer.verb,
    volume: textOrNull(answer.volume),
    job: textOrNull(answer.job),
    allowed: answer.allowed,
    reason: answer.reason,
    rule: textOrNull(answer.rule),
    hint: textOrNull(answer.hint),
  };
}

export function auditJson(entry: AuditEntry): JsonObject {
  return {
    type: "audit",
    time: time(entry.time),
    decision: enumName(AuditEntry_Decision, entry.decision),
    id: textOrNull(entry.id),
    uid: entry.uid ?? null,
    user: textOrNull(entry.user),
    pid: entry.pid ?? null,
    verb: entry.verb,
    volume: textOrNull(entry.volume),
    job: textOrNull(entry.job),
    run: textOrNull(entry.run),
    sources: entry.sources,
    reason: textOrNull(entry.reason),
  };
}

export function errorJson(error: LuksmithError): JsonObject {
  return {
    type: "error",
    code: error.code,
    message: error.message,
    hint: textOrNull(error.hint ?? ""),
    exitCode: error.exitCode,
  };
}

export function runFields(run: Run) {
  return {
    id: run.id,
    verb: enumName(Verb, run.verb),
    volume: textOrNull(run.volume),
    job: textOrNull(run.job),
    state: enumName(RunState, run.state),
    startedAt: time(run.startedAt),
    finishedAt: time(run.finishedAt),
    caller: orNull(run.caller, ({ uid, name }) => ({ uid, name: textOrNull(name) })),
    dryRun: run.dryRun,
    summary: textOrNull(run.summary),
    snapshot: textOrNull(run.snapshot),
    error: orNull(run.error, errorFields),
    totals: orNull(run.totals, totalsFields),
    retry: orNull(run.retry, retryFields),
  };
}

function retryFields({ attempt, attempts, nextAt, error }: Retry) {
  return { attempt, attempts, nextAt: time(nextAt), error: orNull(error, errorFields) };
}

function totalsFields(totals: RunTotals) {
  return {
    files: totals.files,
    bytes: totals.bytes,
    filesCopied: totals.filesCopied,
    bytesCopied: totals.bytesCopied,
    filesEqual: totals.filesEqual,
    filesDiffering: totals.filesDiffering,
    filesChangedSince: totals.filesChangedSince,
    copyMs: totals.copyMs || null,
    projectedMs: totals.projectedMs || null,
    warnings: totals.warnings,
  };
}

export function errorFields(error: ErrorDetail) {
  return { code: error.code, message: error.message, hint: textOrNull(error.hint) };
}

export function progressFields(progress: Progress) {
  const { step, bytesDone, bytesTotal, filesDone, filesTotal, bytesPerSecond, remainingMs } = progress;
  return {
    step,
    bytesDone,
    bytesTotal: bytesTotal || null,
    filesDone,
    filesTotal: filesTotal || null,
    bytesPerSecond,
    remainingMs: remainingMs || null,
  };
}

function fileFields(entry: FileEntry) {
  return {
    ...name("path", entry.path),
    kind: enumName(FileEntry_Type, entry.type),
    mode: entry.mode.toString(8).padStart(4, "0"),
    uid: entry.uid,
    gid: entry.gid,
    owner: textOrNull(entry.owner),
    group: textOrNull(entry.group),
    size: entry.size,
    modified: time(entry.modified),
    ...name("target", entry.target),
  };
}

function hostKeyFields(key: HostKey) {
  return { keyType: key.type, fingerprint: key.fingerprint };
}

/** `path` and, when it is not UTF-8, `pathBase64`; null when there is none. */
function name(field: "path" | "target", bytes: Uint8Array): Record<string, string | null> {
  if (bytes.length === 0) return { [field]: null };
  const text = utf8Name(bytes);
  if (text !== undefined) return { [field]: text };
  return { [field]: showName(bytes), [`${field}Base64`]: Buffer.from(bytes).toString("base64") };
}

export function time(date: Date | undefined): string | null {
  return date === undefined ? null : date.toISOString();
}

export function textOrNull(text: string): string | null {
  return text === "" ? null : text;
}

export function orNull<In, Out>(value: In | undefined, fields: (value: In) => Out): Out | null {
  return value === undefined ? null : fields(value);
}
