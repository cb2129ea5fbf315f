/** Messages of the agent, complete, for tests to vary. */

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
  type ScanRemoteResponse,
  type Volume,
} from "../../../proto/gen/luksmith/v1/agent.ts";
import {
  type FileEntry,
  FileEntry_Type,
  Item_Action,
  type Progress,
  type Run,
  type RunEvent,
  RunState,
  type Snapshot,
  Verb,
} from "../../../proto/gen/luksmith/v1/types.ts";

const start = new Date("2026-11-23T02:00:00Z");

export function after(seconds: number): Date {
  return new Date(start.getTime() + seconds * 1000);
}

export function sampleRun(changes: Partial<Run> = {}): Run {
  return {
    id: "7f3a9c21",
    verb: Verb.BACKUP,
    volume: "home",
    job: "home",
    state: RunState.DONE,
    startedAt: start,
    finishedAt: after(31),
    caller: { uid: 0, name: "root" },
    error: undefined,
    retry: undefined,
    summary: "snapshot 2026-11-23T02-00-00Z: 3,012 files, 75 MiB new",
    snapshot: "2026-11-23T02-00-00Z",
    dryRun: false,
    totals: {
      files: 3012,
      bytes: 78_643_200,
      filesCopied: 3012,
      bytesCopied: 78_643_200,
      filesEqual: 0,
      filesDiffering: 0,
      filesChangedSince: 0,
      warnings: 0,
      copyMs: 0,
      projectedMs: 0,
    },
    ...changes,
  };
}

export function runningRun(changes: Partial<Run> = {}): Run {
  return sampleRun({
    state: RunState.RUNNING,
    finishedAt: undefined,
    summary: "",
    snapshot: "",
    totals: undefined,
    ...changes,
  });
}

export function sampleProgress(changes: Partial<Progress> = {}): Progress {
  return {
    step: "copy",
    bytesDone: 26 * 2 ** 20,
    bytesTotal: 75 * 2 ** 20,
    filesDone: 1204,
    filesTotal: 3012,
    bytesPerSecond: 12.5 * 2 ** 20,
    remainingMs: 125_000,
    ...changes,
  };
}

export function sampleEvent(kind: RunEvent["kind"], seq = 1, seconds = 0): RunEvent {
  return { seq, time: after(seconds), kind };
}

/** A backup from its beginning to its end. */
export function backupEvents(ended: Run = sampleRun()): RunEvent[] {
  const kinds: RunEvent["kind"][] = [
    { $case: "started", value: { run: runningRun({ id: ended.id }) } },
    { $case: "stepBegan", value: { step: "connect" } },
    { $case: "stepEnded", value: { step: "connect", durationMs: 1200, error: undefined } },
    { $case: "stepBegan", value: { step: "copy" } },
    { $case: "progress", value: sampleProgress() },
    { $case: "note", value: { message: "continuing the unfinished snapshot" } },
    { $case: "warning", value: { message: "permission denied", path: Buffer.from("home/bob/secret") } },
    { $case: "item", value: { action: Item_Action.ADD, path: Buffer.from("etc/hosts"), size: 1234, reason: "" } },
    { $case: "stepEnded", value: { step: "copy", durationMs: 28_000, error: undefined } },
    { $case: "ended", value: { run: ended } },
  ];
  return kinds.map((kind, index) => sampleEvent(kind, index + 1, index));
}

export function sampleVolume(changes: Partial<Volume> = {}): Volume {
  return {
    name: "home",
    remote: "vault",
    image: "home.luks",
    filesystem: "ext4",
    configuredSize: 200 * 2 ** 30,
    size: 200 * 2 ** 30,
    created: true,
    luksUuid: "2f6f9f4e-0d1e-4f1b-9c39-6f1d2a3b4c5d",
    generation: 7,
    jobs: ["home"],
    heldBy: undefined,
    unclean: false,
    ...changes,
  };
}

export function sampleJob(changes: Partial<Job> = {}): Job {
  return {
    name: "home",
    volume: "home",
    sources: ["/home", "/etc"],
    exclude: ["*.tmp"],
    user: "",
    sourcesBelow: [],
    ...changes,
  };
}

/** Of a job that nothing begins by itself. */
export const unscheduled = { nextStart: undefined, nextSchedule: "", waitsFor: "" };

export function sampleFleetConnection(changes: Partial<FleetConnection> = {}): FleetConnection {
  return {
    state: FleetConnection_State.CONNECTED,
    since: start,
    machineId: "m7f3a9c21",
    name: "web01",
    address: "fleet.example.net:7443",
    controller: "c1",
    error: undefined,
    nextAttempt: undefined,
    certificateExpires: after(30 * 24 * 3600),
    unreported: 0,
    ...changes,
  };
}

export function sampleStatus(changes: Partial<GetStatusResponse> = {}): GetStatusResponse {
  return {
    version: "0.1.0",
    hostname: "web01",
    startedAt: start,
    running: [],
    jobs: [
      { job: "home", volume: "home", lastGood: sampleRun(), last: sampleRun(), lastDrill: undefined, ...unscheduled },
    ],
    configPath: "/etc/luksmith/agent.yaml",
    memoryBytes: 62 * 2 ** 20,
    fleet: undefined,
    ...changes,
  };
}

export function sampleSnapshot(changes: Partial<Snapshot> = {}): Snapshot {
  return {
    job: "home",
    name: "2026-11-23T02-00-00Z",
    time: start,
    latest: true,
    partial: false,
    incomplete: false,
    files: 3012,
    bytes: 78_643_200,
    bytesCopied: 1_048_576,
    warnings: 0,
    runId: "7f3a9c21",
    pinned: false,
    note: "",
    ...changes,
  };
}

export function sampleFile(changes: Partial<FileEntry> = {}): FileEntry {
  return {
    path: Buffer.from("etc/hosts"),
    type: FileEntry_Type.FILE,
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 1234,
    modified: start,
    target: Buffer.alloc(0),
    owner: "root",
    group: "root",
    ...changes,
  };
}

export const ed25519Key: HostKey = {
  type: "ssh-ed25519",
  fingerprint: "SHA256:uNiVztksCsDhcc0u9e8BrBpkRkGvMFTnMKhgbSgo0nM",
};

export const rsaKey: HostKey = {
  type: "ssh-rsa",
  fingerprint: "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8",
};

export function sampleScan(changes: Partial<ScanRemoteResponse> = {}): ScanRemoteResponse {
  return {
    remote: "vault",
    host: "vault.example.net",
    port: 22,
    offered: [rsaKey, ed25519Key],
    trusted: [],
    ...changes,
  };
}

export function sampleFinding(changes: Partial<Finding> = {}): Finding {
  return { level: Finding_Level.OK, subject: "rsync", message: "version 3.2.7", hint: "", ...changes };
}

export function sampleAccess(changes: Partial<CheckAccessResponse> = {}): CheckAccessResponse {
  return {
    user: "alice",
    uid: 1000,
    verb: "backup",
    volume: "home",
    job: "home",
    allowed: true,
    reason: "access[0] allows backup to the user alice on volume home",
    rule: "access[0]",
    hint: "",
    ...changes,
  };
}

export function sampleAudit(changes: Partial<AuditEntry> = {}): AuditEntry {
  return {
    time: start,
    decision: AuditEntry_Decision.ALLOWED,
    sources: [],
    id: "0123456789ab",
    uid: 1000,
    user: "alice",
    pid: 4711,
    verb: "backup",
    volume: "home",
    job: "home",
    run: "",
    reason: "access[0] allows backup to the user alice on volume home",
    ...changes,
  };
}
