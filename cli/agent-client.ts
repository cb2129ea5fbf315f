/** The agent's service as promises and async iterables, with its errors as LuksmithErrors. */

import {
  type CallOptions,
  Client,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { fromServiceError } from "../common/error-wire.ts";
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
import { explainUnreachable } from "./unreachable.ts";

interface Method<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

/** The agent answers these from memory; one that takes longer is stuck. */
const quickMs = 10_000;
/** These ask the backup host, or start programs. */
const slowMs = 180_000;
/** Connects many times. */
const checkMs = 300_000;

export class AgentClient {
  readonly #client: Client;
  readonly #socket: string;
  readonly #pending = new Set<ClientUnaryCall>();

  /** @param socket absolute path; the connection is made by the first call */
  constructor(socket: string) {
    this.#socket = socket;
    this.#client = new Client(`unix:${socket}`, credentials.createInsecure(), {
      // a call is not repeated behind our back, and a proxy has no business with a Unix socket
      "grpc.enable_retries": 0,
      "grpc.enable_http_proxy": 0,
    });
  }

  /** Calls that nobody waits for any more would keep the program running until their deadlines. */
  close(): void {
    for (const call of this.#pending) call.cancel();
    this.#client.close();
  }

  getStatus = (deadlineMs = quickMs) => this.#call(methods.getStatus, {}, deadlineMs);
  listVolumes = (deadlineMs = quickMs) => this.#call(methods.listVolumes, {}, deadlineMs);
  listJobs = (deadlineMs = quickMs) => this.#call(methods.listJobs, {}, deadlineMs);
  listRuns = (request: ListRunsRequest, deadlineMs = quickMs) => this.#call(methods.listRuns, request, deadlineMs);
  getRun = (request: GetRunRequest) => this.#call(methods.getRun, request, quickMs);
  cancelRun = (request: CancelRunRequest) => this.#call(methods.cancelRun, request, quickMs);

  createVolume = (request: CreateVolumeRequest) => this.#call(methods.createVolume, request, slowMs);
  adoptVolume = (request: AdoptVolumeRequest) => this.#call(methods.adoptVolume, request, slowMs);
  checkVolume = (request: CheckVolumeRequest) => this.#call(methods.checkVolume, request, slowMs);
  resizeVolume = (request: ResizeVolumeRequest) => this.#call(methods.resizeVolume, request, slowMs);
  trimVolume = (request: TrimVolumeRequest) => this.#call(methods.trimVolume, request, slowMs);
  backup = (request: BackupRequest) => this.#call(methods.backup, request, slowMs);
  restore = (request: RestoreRequest) => this.#call(methods.restore, request, slowMs);
  verify = (request: VerifyRequest) => this.#call(methods.verify, request, slowMs);
  drill = (request: DrillRequest) => this.#call(methods.drill, request, slowMs);
  prune = (request: PruneRequest) => this.#call(methods.prune, request, slowMs);
  pinSnapshot = (request: PinSnapshotRequest) => this.#call(methods.pinSnapshot, request, slowMs);
  unpinSnapshot = (request: UnpinSnapshotRequest) => this.#call(methods.unpinSnapshot, request, slowMs);
  scanRemote = (request: ScanRemoteRequest) => this.#call(methods.scanRemote, request, slowMs);
  trustRemote = (request: TrustRemoteRequest) => this.#call(methods.trustRemote, request, slowMs);
  describeRemote = (request: DescribeRemoteRequest) => this.#call(methods.describeRemote, request, quickMs);
  checkRemote = (request: CheckRemoteRequest) => this.#call(methods.checkRemote, request, checkMs);
  doctor = (request: DoctorRequest) => this.#call(methods.doctor, request, slowMs);

  // a key derivation for each slot, and what gives the agent its key
  listKeys = (request: ListKeysRequest) => this.#call(methods.listKeys, request, checkMs);
  addKey = (request: AddKeyRequest) => this.#call(methods.addKey, request, slowMs);
  removeKey = (request: RemoveKeyRequest) => this.#call(methods.removeKey, request, slowMs);
  rotateKey = (request: RotateKeyRequest) => this.#call(methods.rotateKey, request, slowMs);
  reencryptVolume = (request: ReencryptVolumeRequest) => this.#call(methods.reencryptVolume, request, slowMs);

  browse = (request: BrowseRequest) => this.#call(methods.browse, request, slowMs);
  endBrowse = (request: EndBrowseRequest) => this.#call(methods.endBrowse, request, slowMs);
  checkAccess = (request: CheckAccessRequest) => this.#call(methods.checkAccess, request, slowMs);

  listAudit = (request: ListAuditRequest, signal: AbortSignal) => this.#stream(methods.listAudit, request, signal);
  watchRun = (request: WatchRunRequest, signal: AbortSignal) => this.#stream(methods.watchRun, request, signal);
  listFiles = (request: ListFilesRequest, signal: AbortSignal) => this.#stream(methods.listFiles, request, signal);
  diffSnapshots = (request: DiffSnapshotsRequest, signal: AbortSignal) =>
    this.#stream(methods.diffSnapshots, request, signal);
  findFiles = (request: FindFilesRequest, signal: AbortSignal) => this.#stream(methods.findFiles, request, signal);
  measureSnapshots = (request: MeasureSnapshotsRequest, signal: AbortSignal) =>
    this.#stream(methods.measureSnapshots, request, signal);
  readFile = (request: ReadFileRequest, signal: AbortSignal) => this.#stream(methods.readFile, request, signal);
  exportRecoveryKit = (request: ExportRecoveryKitRequest, signal: AbortSignal) =>
    this.#stream(methods.exportRecoveryKit, request, signal);
  listSnapshots = (request: ListSnapshotsRequest, signal: AbortSignal) =>
    this.#stream(methods.listSnapshots, request, signal);

  #call<Request, Response>(method: Method<Request, Response>, request: Request, deadlineMs: number): Promise<Response> {
    const options: Partial<CallOptions> = { deadline: Date.now() + deadlineMs };
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        new Metadata(),
        options,
        (error, response) => {
          this.#pending.delete(call);
          if (error) this.#explain(error).then(reject, reject);
          else if (response === undefined) reject(new LuksmithError("internal", "the agent answered nothing"));
          else resolve(response);
        },
      );
      this.#pending.add(call);
    });
  }

  /** @throws the signal's reason when it was aborted */
  async *#stream<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    signal: AbortSignal,
  ): AsyncGenerator<Response, void> {
    signal.throwIfAborted();
    const call = this.#client.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
    );
    const onAbort = () => call.cancel();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      for await (const response of call as AsyncIterable<Response>) yield response;
    } catch (error) {
      signal.throwIfAborted();
      throw isServiceError(error) ? await this.#explain(error) : error;
    } finally {
      signal.removeEventListener("abort", onAbort);
      call.cancel();
    }
  }

  async #explain(error: ServiceError): Promise<LuksmithError> {
    const told = fromServiceError(error);
    if (told !== undefined) return told;
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

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && "code" in thrown && "details" in thrown && "metadata" in thrown;
}
