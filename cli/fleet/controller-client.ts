/** The controller's service as promises and async iterables, over the first of its addresses that answers. */

import { type ServiceError, status } from "@grpc/grpc-js";
import { LuksmithError } from "../../common/errors.ts";
import { escapeControls } from "../../common/quote.ts";
import {
  type AcceptMachineRequest,
  type ApplySchedulesRequest,
  type CancelFleetRunRequest,
  type ChangeMachineRequest,
  type CreateOperatorRequest,
  type CreateTokenRequest,
  type DispatchRequest,
  type ForgetMachineRequest,
  type ListAlertsRequest,
  type ListDispatchesRequest,
  type ListFleetAuditRequest,
  type ListFleetFilesRequest,
  type ListFleetRunsRequest,
  type ListFleetSnapshotsRequest,
  type ListMachinesRequest,
  ControllerServiceService as methods,
  type RenewOperatorRequest,
  type RevokeControllerRequest,
  type RevokeMachineRequest,
  type RevokeOperatorRequest,
  type RevokeTokenRequest,
  type RotateAuthorityRequest,
  type TestAlertsRequest,
  type WatchDispatchesRequest,
  type WatchFleetRequest,
  type WatchFleetRunRequest,
} from "../../proto/gen/luksmith/v1/controller.ts";
import { ServiceCalls } from "../service-calls.ts";
import { type Connection, connectFirst } from "./connect.ts";
import { anotherCredential, type Credential } from "./credential.ts";

/** The controller answers these from a few rows of its database. */
const quickMs = 20_000;
/** These are about every machine, or wait for others. */
const slowMs = 120_000;

export class ControllerClient {
  readonly #credential: Credential;
  readonly #stop: AbortSignal;
  #calls: Promise<ServiceCalls> | undefined;
  #address: string | undefined;

  /**
   * The connection is made by the first call.
   * @param stop ends the search for a controller that answers
   */
  constructor(credential: Credential, stop: AbortSignal) {
    this.#credential = credential;
    this.#stop = stop;
  }

  close(): void {
    this.#calls?.then(
      (calls) => calls.close(),
      () => undefined,
    );
  }

  /** Of the controller that has answered; undefined: none has. */
  get address(): string | undefined {
    return this.#address;
  }

  /** The next call looks for a controller that answers anew. */
  reconnect(): void {
    this.close();
    this.#calls = undefined;
  }

  getFleet = (deadlineMs = quickMs) => this.#unary((calls) => calls.unary(methods.getFleet, {}, deadlineMs));
  createToken = (request: CreateTokenRequest) =>
    this.#unary((calls) => calls.unary(methods.createToken, request, quickMs));
  listTokens = (deadlineMs = quickMs) => this.#unary((calls) => calls.unary(methods.listTokens, {}, deadlineMs));
  revokeToken = (request: RevokeTokenRequest) =>
    this.#unary((calls) => calls.unary(methods.revokeToken, request, quickMs));
  listMachines = (request: ListMachinesRequest) =>
    this.#unary((calls) => calls.unary(methods.listMachines, request, slowMs));
  acceptMachine = (request: AcceptMachineRequest) =>
    this.#unary((calls) => calls.unary(methods.acceptMachine, request, quickMs));
  changeMachine = (request: ChangeMachineRequest) =>
    this.#unary((calls) => calls.unary(methods.changeMachine, request, quickMs));
  revokeMachine = (request: RevokeMachineRequest) =>
    this.#unary((calls) => calls.unary(methods.revokeMachine, request, quickMs));
  forgetMachine = (request: ForgetMachineRequest) =>
    this.#unary((calls) => calls.unary(methods.forgetMachine, request, slowMs));
  applySchedules = (request: ApplySchedulesRequest) =>
    this.#unary((calls) => calls.unary(methods.applySchedules, request, slowMs));
  listSchedules = (deadlineMs = slowMs) => this.#unary((calls) => calls.unary(methods.listSchedules, {}, deadlineMs));
  dispatch = (request: DispatchRequest) => this.#unary((calls) => calls.unary(methods.dispatch, request, slowMs));
  listDispatches = (request: ListDispatchesRequest) =>
    this.#unary((calls) => calls.unary(methods.listDispatches, request, slowMs));
  listFleetRuns = (request: ListFleetRunsRequest) =>
    this.#unary((calls) => calls.unary(methods.listFleetRuns, request, slowMs));
  cancelFleetRun = (request: CancelFleetRunRequest) =>
    this.#unary((calls) => calls.unary(methods.cancelFleetRun, request, slowMs));
  listAlerts = (request: ListAlertsRequest) => this.#unary((calls) => calls.unary(methods.listAlerts, request, slowMs));
  testAlerts = (request: TestAlertsRequest) => this.#unary((calls) => calls.unary(methods.testAlerts, request, slowMs));
  createOperator = (request: CreateOperatorRequest) =>
    this.#unary((calls) => calls.unary(methods.createOperator, request, quickMs));
  listOperators = (deadlineMs = quickMs) => this.#unary((calls) => calls.unary(methods.listOperators, {}, deadlineMs));
  revokeOperator = (request: RevokeOperatorRequest) =>
    this.#unary((calls) => calls.unary(methods.revokeOperator, request, quickMs));
  renewOperator = (request: RenewOperatorRequest) =>
    this.#unary((calls) => calls.unary(methods.renewOperator, request, quickMs));
  getAuthorities = (deadlineMs = slowMs) => this.#unary((calls) => calls.unary(methods.getAuthorities, {}, deadlineMs));
  rotateAuthority = (request: RotateAuthorityRequest) =>
    this.#unary((calls) => calls.unary(methods.rotateAuthority, request, slowMs));
  listControllers = (deadlineMs = quickMs) =>
    this.#unary((calls) => calls.unary(methods.listControllers, {}, deadlineMs));
  revokeController = (request: RevokeControllerRequest) =>
    this.#unary((calls) => calls.unary(methods.revokeController, request, quickMs));
  listFleetAudit = (request: ListFleetAuditRequest) =>
    this.#unary((calls) => calls.unary(methods.listFleetAudit, request, slowMs));

  watchDispatches = (request: WatchDispatchesRequest, signal: AbortSignal) =>
    this.#stream((calls) => calls.stream(methods.watchDispatches, request, signal));
  watchFleetRun = (request: WatchFleetRunRequest, signal: AbortSignal) =>
    this.#stream((calls) => calls.stream(methods.watchFleetRun, request, signal));
  listFleetSnapshots = (request: ListFleetSnapshotsRequest, signal: AbortSignal) =>
    this.#stream((calls) => calls.stream(methods.listFleetSnapshots, request, signal));
  listFleetFiles = (request: ListFleetFilesRequest, signal: AbortSignal) =>
    this.#stream((calls) => calls.stream(methods.listFleetFiles, request, signal));
  watchFleet = (request: WatchFleetRequest, signal: AbortSignal) =>
    this.#stream((calls) => calls.stream(methods.watchFleet, request, signal));

  async #unary<Response>(call: (calls: ServiceCalls) => Promise<Response>): Promise<Response> {
    try {
      return await call(await this.#connected());
    } catch (error) {
      throw forOperators(error);
    }
  }

  async *#stream<Response>(
    call: (calls: ServiceCalls) => AsyncGenerator<Response, void>,
  ): AsyncGenerator<Response, void> {
    try {
      yield* call(await this.#connected());
    } catch (error) {
      throw forOperators(error);
    }
  }

  #connected(): Promise<ServiceCalls> {
    this.#calls ??= connectFirst(this.#credential, this.#stop).then((connection) => {
      this.#address = connection.address;
      return new ServiceCalls(connection.client, "the controller", (error) => explain(connection, error));
    });
    return this.#calls;
  }
}

/** What the controller says of a certificate is said to machines; an operator has other ways. */
function forOperators(thrown: unknown): unknown {
  if (!(thrown instanceof LuksmithError) || thrown.code !== "refused") return thrown;
  if (thrown.hint?.startsWith("luksmith enroll ") !== true) return thrown;
  return new LuksmithError("refused", `the controller does not take your credential: ${thrown.message}`, {
    hint: anotherCredential,
    cause: thrown,
  });
}

function explain({ address }: Connection, error: ServiceError): LuksmithError {
  const said = escapeControls(error.details);
  switch (error.code) {
    // a controller that ends cancels what it was answering
    case status.CANCELLED:
    case status.UNAVAILABLE:
      return new LuksmithError("unreachable", `lost the controller at ${address}: ${said}`, {
        hint: "whether it was done, luksmith fleet audit shows; then the same again",
        cause: error,
      });
    case status.DEADLINE_EXCEEDED:
      return new LuksmithError("unreachable", `the controller at ${address} does not answer`, {
        hint: "there: journalctl -u luksmith-controller",
        cause: error,
      });
    case status.UNIMPLEMENTED:
      return new LuksmithError(
        "internal",
        "the controller does not know this command: it is older than this luksmith",
        {
          hint: "there: install the same version, then systemctl restart luksmith-controller",
          cause: error,
        },
      );
    case status.PERMISSION_DENIED:
    case status.UNAUTHENTICATED:
      return new LuksmithError("denied", `the controller refused: ${said}`, { cause: error });
    case status.RESOURCE_EXHAUSTED:
      return new LuksmithError("usage", `that was too much for one message: ${said}`, { cause: error });
    default:
      return new LuksmithError("internal", `the controller failed: ${said}`, {
        hint: "there: journalctl -u luksmith-controller",
        cause: error,
      });
  }
}
