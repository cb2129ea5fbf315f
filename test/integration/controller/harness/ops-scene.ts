/** A controller as operators see it: the real port, the real handlers, and machines whose answers a test gives. */

import { type ClientReadableStream, credentials, type ServiceError } from "@grpc/grpc-js";
import { type Clock, systemClock } from "../../../../common/clock.ts";
import { fromServiceError } from "../../../../common/error-wire.ts";
import { LuksmithError } from "../../../../common/errors.ts";
import { makeKeyAndRequest } from "../../../../common/fleet/certificate-request.ts";
import { fleetChannelOptions, fleetCredentials } from "../../../../common/fleet/channel.ts";
import { ControllerChanges } from "../../../../controller/controller-changes.ts";
import { requireKind } from "../../../../controller/listen/peer.ts";
import { MachineChanges } from "../../../../controller/machines/changes.ts";
import type { MachineLines } from "../../../../controller/machines/lines.ts";
import { OperatorAccounts } from "../../../../controller/operators/accounts.ts";
import { Operators } from "../../../../controller/operators/operators.ts";
import type { Role } from "../../../../controller/operators/rights.ts";
import { controllerService } from "../../../../controller/rpc/service.ts";
import { setJobs } from "../../../../controller/store/job-states.ts";
import { addMachine, type MachineState, setInventory } from "../../../../controller/store/machines.ts";
import { addOperator } from "../../../../controller/store/operators.ts";
import { recordRuns } from "../../../../controller/store/runs.ts";
import type { Store } from "../../../../controller/store/store.ts";
import { Fleet } from "../../../../controller/stream/fleet.ts";
import { FleetView } from "../../../../controller/view/fleet-view.ts";
import { ControllerServiceClient, ControllerServiceService } from "../../../../proto/gen/luksmith/v1/controller.ts";
import type {
  CancelOrder,
  Inventory,
  Query,
  Reply,
  RunCause,
  RunProgress,
} from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { type Run, Run as RunMessage, RunState, Verb } from "../../../../proto/gen/luksmith/v1/types.ts";
import { FleetScene, silent } from "./fleet-scene.ts";
import { plentiful, TestRules } from "./test-fleet.ts";

export const everyWord = [
  ...["status", "log", "backup", "verify", "drill", "check", "prune", "trim", "cancel", "snapshots", "ls"],
];

/** A test asks more in a minute than people do. */
const often = { perMinute: 1e6, atOnce: 1e6 };

/** What machines say, as a test has it. Whoever has no answer is not connected. */
export class ScriptedMachines implements MachineLines {
  readonly answers = new Map<string, (what: Query["what"], signal: AbortSignal) => AsyncIterable<Reply>>();
  readonly cancelled: { machineId: string; order: CancelOrder }[] = [];
  readonly running: { machineId: string; running: RunProgress[] }[] = [];

  ask(machineId: string, { what }: Query, signal: AbortSignal): AsyncIterable<Reply> {
    const answer = this.answers.get(machineId);
    if (answer === undefined) throw new LuksmithError("unreachable", `${machineId} is not connected`);
    return answer(what, signal);
  }

  async cancel(machineId: string, order: CancelOrder): Promise<void> {
    if (!this.answers.has(machineId)) throw new LuksmithError("unreachable", `${machineId} is not connected`);
    this.cancelled.push({ machineId, order });
  }

  async progress(): Promise<{ machineId: string; running: RunProgress[] }[]> {
    return this.running;
  }
}

type Unary = {
  [Name in keyof typeof ControllerServiceService]: (typeof ControllerServiceService)[Name] extends {
    responseStream: false;
    requestSerialize: (value: infer Request) => Buffer;
    responseDeserialize: (value: Buffer) => infer Response;
  }
    ? (request: Request) => Promise<Response>
    : never;
};

/** One operator's calls. @throws {LuksmithError} what the controller says */
export class OperatorCalls {
  readonly client: ControllerServiceClient;
  readonly unary: Unary;

  readonly own: { certificate: string; key: string };

  constructor(client: ControllerServiceClient, own: { certificate: string; key: string }) {
    this.client = client;
    this.own = own;
    this.unary = new Proxy({} as Unary, {
      get: (_, name: keyof Unary) => (request: unknown) =>
        new Promise((resolve, reject) => {
          const call = client[name] as unknown as (
            this: ControllerServiceClient,
            request: unknown,
            done: (error: ServiceError | null, response: unknown) => void,
          ) => void;
          call.call(client, request, (error, response) =>
            error === null ? resolve(response) : reject(fromServiceError(error) ?? error),
          );
        }),
    });
  }

  /** All that a stream says, until it ends, or until `enough`. */
  async read<Response>(stream: ClientReadableStream<Response>, enough = (_: readonly Response[]) => false) {
    const responses: Response[] = [];
    try {
      for await (const response of stream) {
        responses.push(response as Response);
        if (enough(responses)) break;
      }
    } catch (error) {
      throw fromServiceError(error as ServiceError) ?? error;
    } finally {
      stream.on("error", () => undefined);
      stream.cancel();
    }
    return responses;
  }
}

export class OpsScene implements AsyncDisposable {
  readonly fleet: FleetScene;
  readonly store: Store;
  readonly lines: ScriptedMachines;
  readonly #clients: ControllerServiceClient[] = [];

  private constructor(fleet: FleetScene, lines: ScriptedMachines) {
    this.fleet = fleet;
    this.store = fleet.store;
    this.lines = lines;
  }

  /** @param streams how machines are spoken with; left out: by what a test has them say */
  static async start(store: Store, streams?: MachineLines, clock: Clock = systemClock): Promise<OpsScene> {
    const scripted = new ScriptedMachines();
    const lines = streams ?? scripted;
    const noMachines = new Fleet({
      ...{
        controllerId: "c1",
        store,
        rules: new TestRules(),
        cut: () => undefined,
        quota: plentiful,
        clock,
        log: silent,
      },
      relayChannel: () => ({ credentials: credentials.createInsecure(), options: {} }),
    });
    const fleet = await FleetScene.start(
      (authorities) => [
        [
          ControllerServiceService,
          controllerService({
            ...{ store, clock, log: silent, version: "1.2.3", controllerId: "c1", addresses: ["c1.example:7443"] },
            operators: new Operators(store, clock, (peer) => requireKind(peer, "operator")),
            accounts: new OperatorAccounts(store, clock, authorities),
            authorities,
            machines: new MachineChanges(store, clock),
            controllers: new ControllerChanges(store, clock, "c1"),
            lines,
            view: new FleetView(store, clock, lines),
            dispatcher: noMachines.dispatcher,
            testChannels: async (channel) => [{ channel, delivered: true, detail: "" }],
          }),
        ],
      ],
      { store, rates: { machine: often, operator: often } },
    );
    return new OpsScene(fleet, scripted);
  }

  async operator(name: string, role: Role, scope = ""): Promise<OperatorCalls> {
    await addOperator(this.store.database, { name, role, scope, createdMs: 1, createdBy: "init" });
    return this.calls(await this.fleet.credential("operator", name));
  }

  /** The same operator by a connection of its own: each has its own limit of streams. */
  async another(calls: OperatorCalls): Promise<OperatorCalls> {
    const { own } = calls;
    return this.calls(own);
  }

  async calls(own: { certificate: string; key: string }): Promise<OperatorCalls> {
    const credentials = fleetCredentials({ authorities: await this.fleet.trusted(), own });
    const client = new ControllerServiceClient(this.fleet.address, credentials, {
      ...fleetChannelOptions,
      "grpc.use_local_subchannel_pool": 1,
    });
    this.#clients.push(client);
    return new OperatorCalls(client, own);
  }

  /** Of the fleet, with a job and a volume "home". */
  async machine(
    id: string,
    labels: Record<string, string>,
    { state = "active", allowed = everyWord }: { state?: MachineState; allowed?: readonly string[] } = {},
  ): Promise<void> {
    const { database } = this.store;
    const name = state === "pending" ? undefined : `${id}-name`;
    await addMachine(database, {
      ...{ id, name, hostname: `${id}-host`, state, labels, version: "1", tokenId: "t", enrolledMs: 1 },
    });
    const inventory: Inventory = {
      jobs: [{ name: "home", volume: "home", lastGood: undefined }],
      volumes: [{ name: "home", backupHost: "vault:22" }],
      allowed: [...allowed],
      refused: [],
    };
    await setInventory(database, id, inventory);
    await setJobs(database, [{ machineId: id, jobs: inventory.jobs, nowMs: 1 }]);
  }

  async run(machineId: string, id: string, run: Partial<Run> = {}, cause?: RunCause): Promise<void> {
    const report = {
      run: RunMessage.create({
        ...{ id, verb: Verb.BACKUP, volume: "home", job: "home", state: RunState.RUNNING },
        startedAt: new Date("2026-11-28T02:00:00Z"),
        ...run,
      }),
      cause,
    };
    await this.store.transaction((transaction) => recordRuns(transaction, [{ machineId, report, lateMs: undefined }]));
  }

  async request(): Promise<{ key: string; request: Buffer }> {
    const { key, request } = await makeKeyAndRequest();
    return { key, request: Buffer.from(request) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.fleet[Symbol.asyncDispose]();
  }
}
