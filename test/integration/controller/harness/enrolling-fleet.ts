/** A fleet that machines can enrol in, with what was written down of it. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { type EnrolOrder, enrol } from "../../../../agent/fleet/enrol.ts";
import { IdentityFile } from "../../../../agent/fleet/identity-file.ts";
import { systemClock } from "../../../../common/clock.ts";
import { certificatesIn, fingerprintOf } from "../../../../common/fleet/certificate.ts";
import { fleetChannelOptions, fleetCredentials } from "../../../../common/fleet/channel.ts";
import { showPin } from "../../../../common/fleet/pin.ts";
import { createToken, type TokenOrder } from "../../../../controller/enrol/create-token.ts";
import { Enrolment, type EnrolmentFact } from "../../../../controller/enrol/enrolment.ts";
import { enrolmentService, renewalHandlers } from "../../../../controller/enrol/handlers.ts";
import {
  EnrolmentServiceService,
  FleetServiceClient,
  FleetServiceService,
  type RenewCertificateResponse,
} from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { FleetScene, type FleetSceneOptions, silent } from "./fleet-scene.ts";

export class EnrollingFleet implements AsyncDisposable {
  readonly scene: FleetScene;
  readonly facts: EnrolmentFact[];
  readonly #directory: string;
  #machines = 0;

  private constructor(scene: FleetScene, facts: EnrolmentFact[], directory: string) {
    this.scene = scene;
    this.facts = facts;
    this.#directory = directory;
  }

  static async start(options: FleetSceneOptions = {}): Promise<EnrollingFleet> {
    const facts: EnrolmentFact[] = [];
    let address = "";
    const { clock = systemClock } = options;
    const scene = await FleetScene.start((authorities, store) => {
      const record = async (_database: unknown, fact: EnrolmentFact) => {
        facts.push(fact);
      };
      const parts = { store, authorities, clock, log: silent, addresses: () => [address], record };
      const enrolment = new Enrolment(parts);
      const fleet = {
        ...renewalHandlers(enrolment, silent),
        // held until somebody ends it
        connect: (call: { write(message: object): void; on(name: string, listener: () => void): void }) => {
          call.write({ kind: { $case: "heartbeatEvery", value: { intervalMs: 1, spreadMs: 0 } } });
          call.on("error", () => undefined);
        },
      };
      const enrolling: unknown = enrolmentService(enrolment, silent);
      return [
        [EnrolmentServiceService, enrolling as UntypedServiceImplementation],
        [FleetServiceService, fleet as unknown as UntypedServiceImplementation],
      ] as const;
    }, options);
    ({ address } = scene);
    return new EnrollingFleet(scene, facts, await mkdtemp(join(tmpdir(), "luksmith-machines-")));
  }

  /** @returns the token as a person has it */
  async token(order: Partial<TokenOrder> = {}, clock = systemClock): Promise<{ id: string; text: string }> {
    const { token, text } = await createToken(this.scene.store.database, clock, {
      ...{ labels: { env: "prod" }, ttlMs: 1_800_000, uses: 1, name: "", namePattern: "", createdBy: "alice" },
      ...order,
    });
    return { id: token.id, text };
  }

  /** Of a machine that was never seen before. */
  identity(onChange?: () => void): IdentityFile {
    this.#machines += 1;
    return new IdentityFile(join(this.#directory, `${this.#machines}`), onChange);
  }

  async pins(): Promise<string[]> {
    return certificatesIn(await this.scene.trusted()).map((authority) => showPin(fingerprintOf(authority)));
  }

  async enrol(identity: IdentityFile, token: string, order: Partial<EnrolOrder> = {}) {
    const pins = order.pins ?? (await this.pins());
    const addresses = order.addresses ?? [this.scene.address];
    return enrol(identity, { addresses, token, pins, replace: order.replace ?? false }, AbortSignal.timeout(20_000));
  }

  /** As the machine, with what it has now. */
  async client(identity: IdentityFile): Promise<FleetServiceClient> {
    const own = await identity.read();
    if (own === undefined) throw new Error("not enrolled");
    const credentials = fleetCredentials({ authorities: own.authorities, own });
    return new FleetServiceClient(this.scene.address, credentials, fleetChannelOptions);
  }

  /** As the agent does it. */
  async renew(identity: IdentityFile): Promise<void> {
    const client = await this.client(identity);
    try {
      await identity.renew(async (request) => {
        const response = await new Promise<RenewCertificateResponse>((resolve, reject) => {
          client.renewCertificate({ certificateRequest: Buffer.from(request) }, (error, answer) =>
            error === null ? resolve(answer) : reject(error),
          );
        });
        return response.credentials;
      }, this.scene.address);
    } finally {
      client.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scene[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
