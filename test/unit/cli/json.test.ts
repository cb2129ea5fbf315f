import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  fleetAlertJson,
  fleetApplyJson,
  fleetAuditJson,
  fleetAuthoritiesJson,
  fleetChannelJson,
  fleetControllerJson,
  fleetDispatchJson,
  fleetJson,
  fleetMachineJson,
  fleetOperatorJson,
  fleetRunJson,
  fleetScheduleJson,
  fleetSkippedJson,
  fleetTokenJson,
  fleetViewJson,
  machineForgottenJson,
  scheduleChangeJson,
} from "../../../cli/fleet/json.ts";
import {
  accessJson,
  auditJson,
  browseJson,
  detachedJson,
  differenceJson,
  enrolledJson,
  errorJson,
  eventJson,
  fileJson,
  findingJson,
  foundJson,
  type JsonObject,
  type JsonType,
  jobJson,
  jsonLine,
  jsonTypes,
  keysJson,
  kitJson,
  leftJson,
  recoveryPassphraseJson,
  remoteFindingJson,
  remoteJson,
  remoteTrustedJson,
  runJson,
  setupReportJson,
  snapshotJson,
  snapshotSizeJson,
  statusJson,
  versionJson,
  volumeCreatedJson,
  volumeJson,
} from "../../../cli/json.ts";
import { errorCodes, LuksmithError } from "../../../common/errors.ts";
import {
  AuditEntry_Decision,
  Finding_Level,
  FleetConnection_State,
  KeySlot_Role,
  RemoteFinding_Level,
} from "../../../proto/gen/luksmith/v1/agent.ts";
import {
  AlertState,
  DispatchState,
  MachineState,
  Role,
  RotationPhase,
  ScheduleChange_Kind,
} from "../../../proto/gen/luksmith/v1/controller.ts";
import { Difference, FoundPath, FoundVersion } from "../../../proto/gen/luksmith/v1/looking.ts";
import { FileEntry_Type, Item_Action, type RunEvent, RunState, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import {
  sampleAlert,
  sampleAuthorities,
  sampleController,
  sampleDispatch,
  sampleFleet,
  sampleFleetAudit,
  sampleFleetRun,
  sampleMachine,
  sampleOperator,
  sampleSchedule,
  sampleToken,
  sampleView,
  sampleWork,
} from "./fleet-samples.ts";
import {
  after,
  ed25519Key,
  runningRun,
  sampleAccess,
  sampleAudit,
  sampleEvent,
  sampleFile,
  sampleFinding,
  sampleFleetConnection,
  sampleJob,
  sampleProgress,
  sampleRun,
  sampleScan,
  sampleSnapshot,
  sampleStatus,
  sampleVolume,
  unscheduled,
} from "./samples.ts";

interface DocumentedField {
  readonly type: string;
}

/** Section title to field to what the second column says. */
function readDocumentation(): Map<string, Map<string, DocumentedField>> {
  const sections = new Map<string, Map<string, DocumentedField>>();
  let fields = new Map<string, DocumentedField>();
  for (const line of readFileSync(new URL("../../../docs/cli-json.md", import.meta.url), "utf8").split("\n")) {
    const heading = /^###? (.+)$/.exec(line)?.[1];
    if (heading !== undefined) {
      fields = new Map();
      sections.set(heading.toLowerCase() === heading ? heading.replaceAll("`", "") : heading, fields);
    }
    const [, field, type] = /^\| `(\w+)` +\| ([^|]+?) +\| [^|]+ \|$/.exec(line) ?? [];
    if (field !== undefined && type !== undefined) fields.set(field, { type });
  }
  return sections;
}

const documentation = readDocumentation();

/** All faults of an object against a section: fields that are not documented, or not there, or of another type. */
function faults(section: string, object: object, where: string): string[] {
  const fields = documentation.get(section);
  if (fields === undefined || fields.size === 0) return [`${where}: no section "${section}"`];
  const found: string[] = [];
  for (const [name, value] of Object.entries(object)) {
    if (name === "type") continue;
    const field = fields.get(name);
    if (field === undefined) found.push(`${where}.${name}: not documented`);
    else found.push(...valueFaults(field.type, value, `${where}.${name}`));
  }
  for (const [name, { type }] of fields) {
    if (!(name in object) && !type.endsWith(", sometimes")) found.push(`${where}.${name}: documented, but missing`);
  }
  return found;
}

function valueFaults(type: string, value: unknown, where: string): string[] {
  const plain = type.replace(/, sometimes$/, "");
  if (plain.endsWith(" or null"))
    return value === null ? [] : valueFaults(plain.slice(0, -" or null".length), value, where);
  if (plain.startsWith("array of ")) {
    if (!Array.isArray(value)) return [`${where}: not an array`];
    return value.flatMap((each, index) => valueFaults(plain.slice("array of ".length), each, `${where}[${index}]`));
  }
  const link = /^\[(.+)\]\(#.+\)$/.exec(plain)?.[1];
  if (link !== undefined) {
    return typeof value === "object" && value !== null ? faults(link, value, where) : [`${where}: not an object`];
  }
  const right =
    plain === "time"
      ? typeof value === "string" && new Date(value).toISOString() === value
      : plain === "integer"
        ? Number.isInteger(value)
        : typeof value === plain;
  return right ? [] : [`${where}: ${JSON.stringify(value)} is no ${plain}`];
}

function event(kind: RunEvent["kind"]): JsonObject {
  const object = eventJson("7f3a9c21", sampleEvent(kind));
  assert.ok(object);
  return object;
}

const detail = { code: "full", message: "the volume is full", hint: "" };
const retry = { attempt: 2, attempts: 5, nextAt: after(60), error: detail };
const notUtf8 = Buffer.from("caf\xe9", "latin1");

/** What each type can look like: full, and as empty as it gets. */
const samples: Record<JsonType, JsonObject[]> = {
  version: [versionJson("0.1.0")],
  status: [
    statusJson(sampleStatus({ running: [runningRun()], fleet: sampleFleetConnection() })),
    statusJson(
      sampleStatus({
        fleet: sampleFleetConnection({
          ...{ state: FleetConnection_State.WAITING, name: "", address: "", controller: "", error: detail },
          ...{ since: undefined, machineId: "", nextAttempt: after(60), certificateExpires: undefined },
        }),
      }),
    ),
    statusJson(
      sampleStatus({
        startedAt: undefined,
        jobs: [
          { job: "home", volume: "home", last: undefined, lastGood: undefined, lastDrill: undefined, ...unscheduled },
        ],
      }),
    ),
  ],
  volume: [
    volumeJson(sampleVolume({ heldBy: sampleRun() })),
    volumeJson(sampleVolume({ created: false, luksUuid: "" })),
  ],
  job: [jobJson(sampleJob())],
  run: [
    runJson(sampleRun({ error: detail })),
    runJson(runningRun({ caller: undefined, startedAt: undefined, volume: "", job: "" })),
    runJson(sampleRun({ caller: { uid: 12, name: "" } })),
    runJson(runningRun({ retry })),
    runJson(runningRun({ retry: { ...retry, nextAt: undefined, error: undefined } })),
  ],
  run_started: [
    event({ $case: "started", value: { run: runningRun() } }),
    event({ $case: "started", value: { run: undefined } }),
  ],
  step_began: [event({ $case: "stepBegan", value: { step: "connect" } })],
  step_ended: [
    event({ $case: "stepEnded", value: { step: "connect", durationMs: 5, error: undefined } }),
    event({ $case: "stepEnded", value: { step: "connect", durationMs: 5, error: detail } }),
  ],
  progress: [
    event({ $case: "progress", value: sampleProgress({ bytesPerSecond: 1000 }) }),
    event({ $case: "progress", value: sampleProgress({ bytesTotal: 0, filesTotal: 0, remainingMs: 0 }) }),
  ],
  warning: [
    event({ $case: "warning", value: { message: "gone", path: Buffer.from("a") } }),
    event({ $case: "warning", value: { message: "gone", path: notUtf8 } }),
    event({ $case: "warning", value: { message: "slow", path: Buffer.alloc(0) } }),
  ],
  note: [event({ $case: "note", value: { message: "going on" } })],
  item: [event({ $case: "item", value: { action: Item_Action.ADD, path: notUtf8, size: 3, reason: "why" } })],
  attempt_failed: [
    event({ $case: "attemptFailed", value: { retry } }),
    event({ $case: "attemptFailed", value: { retry: undefined } }),
  ],
  run_ended: [event({ $case: "ended", value: { run: sampleRun() } })],
  detached: [detachedJson(runningRun(), "asked"), detachedJson(runningRun(), "interrupted")],
  volume_created: [
    volumeCreatedJson({
      volume: "home",
      runId: "7f3a",
      finished: true,
      recoveryPassphrase: "tulip",
      keyFile: "/k",
      headerFile: "/h",
    }),
    volumeCreatedJson({
      volume: "home",
      runId: "7f3a",
      finished: false,
      recoveryPassphrase: "",
      keyFile: "",
      headerFile: "",
    }),
  ],
  keys: [
    keysJson("home", {
      slots: [
        { slot: 0, role: KeySlot_Role.UNKNOWN, agents: true, kdf: "argon2id", addedAt: undefined },
        { slot: 1, role: KeySlot_Role.RECOVERY, agents: false, kdf: "argon2id", addedAt: after(0) },
      ],
      source: "file",
      sourceText: "/etc/luksmith/keys/home.key",
      fault: undefined,
      unfinished: false,
      reencrypting: true,
    }),
    keysJson("home", {
      slots: [],
      source: "command",
      sourceText: "what /k prints",
      fault: detail,
      unfinished: true,
      reencrypting: false,
    }),
  ],
  recovery_passphrase: [
    recoveryPassphraseJson({ volume: "home", runId: "7f3a", finished: true, recoveryPassphrase: "tulip" }),
  ],
  kit: [kitJson({ volume: "home", directory: "/k", files: ["header.luks"], slot: 1, others: [2] })],
  snapshot: [
    snapshotJson(sampleSnapshot()),
    snapshotJson(sampleSnapshot({ files: 0, bytes: 0, bytesCopied: 0, runId: "", time: undefined })),
  ],
  file: [
    fileJson(sampleFile({ path: notUtf8, target: notUtf8 })),
    fileJson(sampleFile({ path: Buffer.alloc(0), modified: undefined })),
  ],
  difference: [
    differenceJson(Difference.create({ after: sampleFile({ path: notUtf8 }) })),
    differenceJson(Difference.create({ before: sampleFile(), after: sampleFile(), content: true, mode: true })),
  ],
  found: [
    foundJson(
      FoundPath.create({
        path: notUtf8,
        versions: [FoundVersion.create({ type: FileEntry_Type.FILE, size: 3, modified: after(1), snapshots: ["a"] })],
      }),
    ),
    foundJson(FoundPath.create({ path: Buffer.from("a"), goneIn: "2026-11-23T02-00-00Z" })),
  ],
  snapshot_size: [
    snapshotSizeJson({ snapshot: "2026-11-23T02-00-00Z", partial: false, bytes: 7, ownBytes: 3 }),
    snapshotSizeJson({ snapshot: "", partial: false, bytes: 7, ownBytes: 7 }),
  ],
  remote: [remoteJson(sampleScan({ trusted: [ed25519Key] }))],
  remote_trusted: [remoteTrustedJson("vault", ed25519Key, true)],
  setup_step: [setupReportJson({ type: "step", says: "make a user", changes: true, detail: ["$ useradd lm-web01"] })],
  setup_note: [setupReportJson({ type: "note", message: "no quota is set" })],
  setup_end: [setupReportJson({ type: "end", changes: 3, dryRun: true })],
  remote_finding: [
    remoteFindingJson({ level: RemoteFinding_Level.OK, subject: "SFTP", message: "is there", hint: "" }),
    remoteFindingJson({ level: RemoteFinding_Level.OFF, subject: "helper", message: "none", hint: "set it up" }),
  ],
  finding: [findingJson(sampleFinding()), findingJson(sampleFinding({ hint: "apt install rsync" }))],
  browse: [browseJson({ runId: "7f3a9c21", job: "home", path: "/run/luksmith/views/1000-0123456789abcdef/home" })],
  access: [
    accessJson(sampleAccess()),
    accessJson(sampleAccess({ allowed: false, rule: "", job: "", hint: "ask root" })),
  ],
  audit: [
    auditJson(sampleAudit()),
    auditJson(sampleAudit({ decision: AuditEntry_Decision.STARTED, run: "7f3a9c21", reason: "" })),
    auditJson(sampleAudit({ decision: AuditEntry_Decision.REFUSED, uid: undefined, pid: undefined, user: "" })),
  ],
  fleet: [fleetJson(sampleFleet()), fleetJson(sampleFleet({ operator: undefined, time: undefined }))],
  fleet_token: [
    fleetTokenJson(sampleToken(), { secret: "s", line: "luksmith enroll" }),
    fleetTokenJson(sampleToken({ name: "db01", namePattern: "", labels: [] })),
    fleetTokenJson(sampleToken({ namePattern: "web-*" })),
  ],
  fleet_machine: [
    fleetMachineJson(sampleMachine()),
    fleetMachineJson(
      sampleMachine({
        inventory: {
          jobs: [],
          volumes: [],
          allowed: [],
          refused: [
            { schedule: "weekly", job: "srv", volume: "", error: detail, occurrence: undefined },
            { schedule: "nightly", job: "srv", volume: "", error: detail, occurrence: new Date(0) },
          ],
        },
      }),
    ),
    fleetMachineJson(
      sampleMachine({
        name: "",
        controller: "",
        inventory: undefined,
        trust: undefined,
        jobs: [{ job: "srv", lastGood: undefined, last: undefined, maxAgeMs: 0, overdue: false, next: undefined }],
        notice: "two agents have this identity",
      }),
    ),
  ],
  fleet_machine_forgotten: [machineForgottenJson("web01")],
  fleet_schedule: [
    fleetScheduleJson(sampleSchedule()),
    fleetScheduleJson(
      sampleSchedule({
        work: sampleWork({ deadlineMs: 5, level: "quick", retry: { attempts: 3, waitMs: 1, longestWaitMs: 2 } }),
        timezone: "",
        maxAgeMs: 0,
        maxConcurrent: 0,
        maxConcurrentPerBackupHost: 0,
        windows: [],
        next: undefined,
      }),
    ),
  ],
  fleet_schedule_change: [
    scheduleChangeJson({
      schedule: "nightly",
      kind: ScheduleChange_Kind.CHANGED,
      fields: [{ field: "cron", before: "", after: "0 3 * * *" }],
      machines: 3,
    }),
  ],
  fleet_apply: [fleetApplyJson({ changes: [], warnings: ["matches nothing"], applied: true, basis: "" })],
  fleet_dispatch: [
    fleetDispatchJson(sampleDispatch({ run: sampleFleetRun(), error: detail })),
    fleetDispatchJson(sampleDispatch({ work: undefined })),
  ],
  fleet_skipped: [fleetSkippedJson({ machine: "web02", reason: "is revoked" })],
  fleet_run: [
    fleetRunJson(sampleFleetRun({ progress: sampleProgress() })),
    fleetRunJson(sampleFleetRun({ cause: { dispatchId: "d1", schedule: "", occurrence: undefined } })),
    fleetRunJson(sampleFleetRun({ run: undefined, cause: undefined })),
  ],
  fleet_view: [
    fleetViewJson(sampleView({ failing: [sampleFleetRun()] })),
    fleetViewJson(sampleView({ fleet: undefined })),
  ],
  fleet_alert: [
    fleetAlertJson(sampleAlert({ resolvedAt: after(1) })),
    fleetAlertJson(sampleAlert({ machine: "", job: "", firedAt: undefined })),
  ],
  fleet_channel: [
    fleetChannelJson({ channel: "mail", delivered: true, detail: "" }),
    fleetChannelJson({ channel: "hook", delivered: false, detail: "status 500" }),
  ],
  fleet_operator: [fleetOperatorJson(sampleOperator({ scope: "env=prod" }), "/o"), fleetOperatorJson(sampleOperator())],
  fleet_authorities: [fleetAuthoritiesJson(sampleAuthorities())],
  fleet_controller: [fleetControllerJson(sampleController())],
  fleet_audit: [
    fleetAuditJson(sampleFleetAudit({ detail: "x" })),
    fleetAuditJson(sampleFleetAudit({ operator: "", target: "" })),
  ],
  enrolled: [
    enrolledJson({ machineId: "4f0a9c", name: "web1", address: "fleet.example.net:7443" }),
    enrolledJson({ machineId: "4f0a9c", name: "", address: "fleet.example.net:7443" }),
  ],
  left: [leftJson({ machineId: "4f0a9c" }), leftJson({ machineId: "" })],
  error: [
    errorJson(new LuksmithError("locked", "in use", { hint: "wait" })),
    errorJson(new LuksmithError("internal", "oh")),
  ],
};

for (const type of jsonTypes) {
  test(`${type} is as docs/cli-json.md says`, () => {
    // `run` is documented where all the others refer to it
    const section = type === "run" ? "Run" : type;
    for (const sample of samples[type]) {
      assert.equal(sample.type, type);
      assert.deepEqual(faults(section, sample, type), []);
    }
    assert.ok(documentation.has(type), `no heading for ${type}`);
  });
}

test("every section of the documentation is about something that is printed", () => {
  const inner = [
    "Run",
    "Retry",
    "Totals",
    "Caller",
    "Error detail",
    "Host key",
    "Key slot",
    "Job status",
    "Found version",
    "Machine job",
    "Refused assignment",
    "Work",
    "Retry rule",
    "Schedule window",
    "Field change",
    "Run cause",
    "Progress",
    "Authority",
    "Machine phase",
    "Fleet status",
  ];
  const prose = ["Results", "Events", "Objects inside others", "Error codes"];
  assert.deepEqual([...documentation.keys()].sort(), [...jsonTypes, ...inner, ...prose].sort());
});

test("every word of every enumeration is documented", () => {
  const text = readFileSync(new URL("../../../docs/cli-json.md", import.meta.url), "utf8");
  for (const names of [
    Verb,
    RunState,
    Item_Action,
    FileEntry_Type,
    Finding_Level,
    RemoteFinding_Level,
    AlertState,
    DispatchState,
    MachineState,
    Role,
    RotationPhase,
    ScheduleChange_Kind,
  ]) {
    for (const name of Object.keys(names)) {
      if (name === "UNSPECIFIED" || name === "UNRECOGNIZED") continue;
      assert.ok(text.includes(`\`${name.toLowerCase()}\``), name);
    }
  }
});

test("every error code is documented with its exit code", () => {
  const rows = readFileSync(new URL("../../../docs/cli-json.md", import.meta.url), "utf8").matchAll(
    /^\| `(\w+)` +\| (\d+) +\|/gm,
  );
  const documented = Object.fromEntries([...rows].map(([, code, exit]) => [code, Number(exit)]));
  assert.deepEqual(documented, Object.fromEntries(Object.entries(errorCodes).map(([code, { exit }]) => [code, exit])));
});

test("a name that is not UTF-8 has its bytes beside it, others do not", () => {
  const [odd] = samples.file;
  assert.equal(odd?.path, "$'caf\\xe9'");
  assert.deepEqual(Buffer.from(String(odd?.pathBase64), "base64"), notUtf8);
  const plain = fileJson(sampleFile({ path: Buffer.from("été\n") }));
  assert.equal(plain.path, "été\n");
  assert.ok(!("pathBase64" in plain));
});

test("enumerations are words, modes are octal", () => {
  const file = fileJson(sampleFile({ type: FileEntry_Type.BLOCK_DEVICE, mode: 0o60 }));
  assert.equal(file.kind, "block_device");
  assert.equal(file.mode, "0060");
  assert.equal(fileJson(sampleFile({ mode: 0o4755 })).mode, "4755");
  assert.equal(runJson(sampleRun({ verb: Verb.CREATE_VOLUME })).verb, "create_volume");
});

test("a line has no line break and nothing that a terminal obeys, and loses nothing", () => {
  const object = { ...versionJson("\x1b[31m\x9b31m\u202e\u2028\u{e0001} \n é日"), more: "\x7f" };
  const line = jsonLine(object);
  assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  assert.deepEqual(JSON.parse(line), object);
});

test("an event of a kind that is not known yet is left out", () => {
  assert.equal(eventJson("7f3a", sampleEvent(undefined)), undefined);
});
