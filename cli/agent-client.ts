/** The agent's service as promises and async iterables, with its errors as LuksmithErrors. */

import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { LuksmithError } from "../common/errors.ts";
import { escapeControls } from "../common/quote.ts";
import {
  type AddKeyRequest,
  type AdoptVolumeRequest,
  type BackupRequest,
  type BrowseRequest,
  type CancelRunRequest,
  type CheckAccessRequest,
  type CheckRemoteRequest,
  type CheckVolumeRequest,
  type CreateVolumeRequest,
  type DescribeRemoteRequest,
  type DoctorRequest,
  type DrillRequest,
  type EndBrowseRequest,
  type ExportRecoveryKitRequest,
  type GetRunRequest,
  type JoinFleetRequest,
  type ListAuditRequest,
  type ListFilesRequest,
  type ListKeysRequest,
  type ListRunsRequest,
  type ListSnapshotsRequest,
  AgentServiceService as methods,
  type PinSnapshotRequest,
  type PruneRequest,
  type ReencryptVolumeRequest,
  type RemoveKeyRequest,
  type ResizeVolumeRequest,
  type RestoreRequest,
  type RotateKeyRequest,
  type ScanRemoteRequest,
  type TrimVolumeRequest,
  type TrustRemoteRequest,
  type UnpinSnapshotRequest,
  type VerifyRequest,
  type WatchRunRequest,
} from "../proto/gen/luksmith/v1/agent.ts";
import type {
  DiffSnapshotsRequest,
  FindFilesRequest,
  MeasureSnapshotsRequest,
  ReadFileRequest,
} from "../proto/gen/luksmith/v1/looking.ts";
import { ServiceCalls } from "./service-calls.ts";
import { explainUnreachable } from "./unreachable.ts";

/** The agent answers these from memory; one that takes longer is stuck. */
const quickMs = 10_000;
/** These ask the backup host, or start programs. */
const slowMs = 180_000;
/** Connects many times. */
const checkMs = 300_000;

export class AgentClient {
  readonly #calls: ServiceCalls;
  readonly #socket: string;

  /** @param socket absolute path; the connection is made by the first call */
  constructor(socket: string) {
    this.#socket = socket;
    const client = new Client(`unix:${socket}`, credentials.createInsecure(), {
      // a call is not repeated behind our back, and a proxy has no business with a Unix socket
      "grpc.enable_retries": 0,
      "grpc.enable_http_proxy": 0,
    });
    this.#calls = new ServiceCalls(client, "the agent", (error) => this.#explain(error));
  }

  /** Calls that nobody waits for any more would keep the program running until their deadlines. */
  close(): void {
    this.#calls.close();
  }

  getStatus = (deadlineMs = quickMs) => this.#calls.unary(methods.getStatus, {}, deadlineMs);
  listVolumes = (deadlineMs = quickMs) => this.#calls.unary(methods.listVolumes, {}, deadlineMs);
  listJobs = (deadlineMs = quickMs) => this.#calls.unary(methods.listJobs, {}, deadlineMs);
  listRuns = (request: ListRunsRequest, deadlineMs = quickMs) =>
    this.#calls.unary(methods.listRuns, request, deadlineMs);
  getRun = (request: GetRunRequest) => this.#calls.unary(methods.getRun, request, quickMs);
  cancelRun = (request: CancelRunRequest) => this.#calls.unary(methods.cancelRun, request, quickMs);

  createVolume = (request: CreateVolumeRequest) => this.#calls.unary(methods.createVolume, request, slowMs);
  adoptVolume = (request: AdoptVolumeRequest) => this.#calls.unary(methods.adoptVolume, request, slowMs);
  checkVolume = (request: CheckVolumeRequest) => this.#calls.unary(methods.checkVolume, request, slowMs);
  resizeVolume = (request: ResizeVolumeRequest) => this.#calls.unary(methods.resizeVolume, request, slowMs);
  trimVolume = (request: TrimVolumeRequest) => this.#calls.unary(methods.trimVolume, request, slowMs);
  backup = (request: BackupRequest) => this.#calls.unary(methods.backup, request, slowMs);
  restore = (request: RestoreRequest) => this.#calls.unary(methods.restore, request, slowMs);
  verify = (request: VerifyRequest) => this.#calls.unary(methods.verify, request, slowMs);
  drill = (request: DrillRequest) => this.#calls.unary(methods.drill, request, slowMs);
  prune = (request: PruneRequest) => this.#calls.unary(methods.prune, request, slowMs);
  pinSnapshot = (request: PinSnapshotRequest) => this.#calls.unary(methods.pinSnapshot, request, slowMs);
  unpinSnapshot = (request: UnpinSnapshotRequest) => this.#calls.unary(methods.unpinSnapshot, request, slowMs);
  scanRemote = (request: ScanRemoteRequest) => this.#calls.unary(methods.scanRemote, request, slowMs);
  trustRemote = (request: TrustRemoteRequest) => this.#calls.unary(methods.trustRemote, request, slowMs);
  describeRemote = (request: DescribeRemoteRequest) => this.#calls.unary(methods.describeRemote, request, quickMs);
  checkRemote = (request: CheckRemoteRequest) => this.#calls.unary(methods.checkRemote, request, checkMs);
  doctor = (request: DoctorRequest) => this.#calls.unary(methods.doctor, request, slowMs);

  // a key derivation for each slot, and what gives the agent its key
  listKeys = (request: ListKeysRequest) => this.#calls.unary(methods.listKeys, request, checkMs);
  addKey = (request: AddKeyRequest) => this.#calls.unary(methods.addKey, request, slowMs);
  removeKey = (request: RemoveKeyRequest) => this.#calls.unary(methods.removeKey, request, slowMs);
  rotateKey = (request: RotateKeyRequest) => this.#calls.unary(methods.rotateKey, request, slowMs);
  reencryptVolume = (request: ReencryptVolumeRequest) => this.#calls.unary(methods.reencryptVolume, request, slowMs);

  browse = (request: BrowseRequest) => this.#calls.unary(methods.browse, request, slowMs);
  endBrowse = (request: EndBrowseRequest) => this.#calls.unary(methods.endBrowse, request, slowMs);
  checkAccess = (request: CheckAccessRequest) => this.#calls.unary(methods.checkAccess, request, slowMs);
  joinFleet = (request: JoinFleetRequest) => this.#calls.unary(methods.joinFleet, request, slowMs);
  leaveFleet = () => this.#calls.unary(methods.leaveFleet, {}, quickMs);

  listAudit = (request: ListAuditRequest, signal: AbortSignal) =>
    this.#calls.stream(methods.listAudit, request, signal);
  watchRun = (request: WatchRunRequest, signal: AbortSignal) => this.#calls.stream(methods.watchRun, request, signal);
  listFiles = (request: ListFilesRequest, signal: AbortSignal) =>
    this.#calls.stream(methods.listFiles, request, signal);
  diffSnapshots = (request: DiffSnapshotsRequest, signal: AbortSignal) =>
    this.#calls.stream(methods.diffSnapshots, request, signal);
  findFiles = (request: FindFilesRequest, signal: AbortSignal) =>
    this.#calls.stream(methods.findFiles, request, signal);
  measureSnapshots = (request: MeasureSnapshotsRequest, signal: AbortSignal) =>
    this.#calls.stream(methods.measureSnapshots, request, signal);
  readFile = (request: ReadFileRequest, signal: AbortSignal) => this.#calls.stream(methods.readFile, request, signal);
  exportRecoveryKit = (request: ExportRecoveryKitRequest, signal: AbortSignal) =>
    this.#calls.stream(methods.exportRecoveryKit, request, signal);
  listSnapshots = (request: ListSnapshotsRequest, signal: AbortSignal) =>
    this.#calls.stream(methods.listSnapshots, request, signal);

  async #explain(error: ServiceError): Promise<LuksmithError> {
    const said = escapeControls(error.details);
    switch (error.code) {
      // an agent that ends cancels what it was answering
      case status.CANCELLED:
      case status.UNAVAILABLE:
        return explainUnreachable(this.#socket, error);
      case status.DEADLINE_EXCEEDED:
        return new LuksmithError("unreachable", "the agent does not answer", {
          hint: "systemctl status luksmith-agent",
          cause: error,
        });
      case status.UNIMPLEMENTED:
        return new LuksmithError("internal", "the agent does not know this command: it is older than this luksmith", {
          hint: "systemctl restart luksmith-agent",
          cause: error,
        });
      case status.PERMISSION_DENIED:
      case status.UNAUTHENTICATED:
        return new LuksmithError("denied", `the agent refused: ${said}`, { cause: error });
      case status.RESOURCE_EXHAUSTED:
        return new LuksmithError("usage", `that was too much for one message: ${said}`, { cause: error });
      default:
        return new LuksmithError("internal", `the agent failed: ${said}`, {
          hint: "journalctl -u luksmith-agent",
          cause: error,
        });
    }
  }
}
