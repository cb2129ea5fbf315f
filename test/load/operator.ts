/** An operator's calls, as the bench makes them. */

import { readFileSync } from "node:fs";
import type { ServiceError } from "@grpc/grpc-js";
import { parse } from "yaml";
import { fleetChannelOptions, fleetCredentials } from "../../common/fleet/channel.ts";
import { operatorFileSchema } from "../../common/fleet/operator-file.ts";
import {
  type ApplySchedulesResponse,
  ControllerServiceClient,
  type DispatchRequest,
  type DispatchResponse,
  type GetFleetResponse,
  type ListFleetRunsRequest,
  type ListFleetRunsResponse,
  type ListMachinesRequest,
  type ListMachinesResponse,
} from "../../proto/gen/luksmith/v1/controller.ts";

export class Operator implements Disposable {
  readonly #client: ControllerServiceClient;

  /** @param file as luksmith-controller init writes it */
  constructor(file: string, address: string) {
    const { authorities, certificate, key } = operatorFileSchema.parse(parse(readFileSync(file, "utf8")));
    this.#client = new ControllerServiceClient(address, fleetCredentials({ authorities, own: { certificate, key } }), {
      ...fleetChannelOptions,
      // ten thousand machines with all that is known of them
      "grpc.max_receive_message_length": 256 * 2 ** 20,
      // as luksmith fleet has it
      "grpc-node.flow_control_window": 4 * 2 ** 20,
    });
  }

  fleet = (): Promise<GetFleetResponse> => call((done) => this.#client.getFleet({}, done));

  machines = (request: ListMachinesRequest): Promise<ListMachinesResponse> =>
    call((done) => this.#client.listMachines(request, done));

  dispatch = (request: DispatchRequest): Promise<DispatchResponse> =>
    call((done) => this.#client.dispatch(request, done));

  /** @param text YAML */
  apply = (text: string): Promise<ApplySchedulesResponse> =>
    call((done) =>
      this.#client.applySchedules(
        { text, fileName: "bench", dryRun: false, prune: false, everyMachine: true, basis: "" },
        done,
      ),
    );

  runs = (request: ListFleetRunsRequest): Promise<ListFleetRunsResponse> =>
    call((done) => this.#client.listFleetRuns(request, done));

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

function call<Response>(
  begin: (done: (error: ServiceError | null, response: Response) => void) => void,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    begin((error, response) => (error === null ? resolve(response) : reject(error)));
  });
}
