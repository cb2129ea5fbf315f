/** The other end of the wire: a gRPC server with a fleet's certificates, that says what a test has it say and keeps what it hears. */

// has to be there before the next is loaded
import "reflect-metadata";
import type { TestContext } from "node:test";
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { Pkcs10CertificateRequest } from "@peculiar/x509";
import { systemClock } from "../../../common/clock.ts";
import { toStatus } from "../../../common/error-wire.ts";
import type { LuksmithError } from "../../../common/errors.ts";
import { makeKeyAndRequest } from "../../../common/fleet/certificate-request.ts";
import type { IdentityKind } from "../../../common/fleet/identity.ts";
import { waitUntil } from "../../../common/wait-until.ts";
import { type AuthorityKeyPair, issue, makeAuthority } from "../../../controller/authority/issue.ts";
import {
  type ConnectRequest,
  type ConnectResponse,
  type Credentials,
  FleetServiceService,
  type Hello,
  type RenewCertificateRequest,
  type RenewCertificateResponse,
} from "../../../proto/gen/luksmith/v1/fleet.ts";

export type Heard = NonNullable<ConnectRequest["kind"]>;
export type Said = NonNullable<ConnectResponse["kind"]>;
type Case<Name extends Heard["$case"]> = Extract<Heard, { $case: Name }>["value"];

const dayMs = 86_400_000;
const patienceMs = 20_000;

/** An authority, and whatever it issues. */
export class TestFleet {
  readonly authority: AuthorityKeyPair;

  private constructor(authority: AuthorityKeyPair) {
    this.authority = authority;
  }

  static async make(): Promise<TestFleet> {
    return new TestFleet(await makeAuthority(new Date()));
  }

  async credential(kind: IdentityKind, name: string, lifeMs = dayMs): Promise<{ certificate: string; key: string }> {
    const { key, request } = await makeKeyAndRequest();
    return { key, certificate: await this.certify(kind, name, request, lifeMs) };
  }

  async certify(kind: IdentityKind, name: string, request: Uint8Array, lifeMs = dayMs): Promise<string> {
    const { publicKey } = new Pkcs10CertificateRequest(new Uint8Array(request));
    const { certificate } = await issue(this.authority, { kind, name }, publicKey, lifeMs, new Date());
    return certificate;
  }
}

/** One stream, from the controller's side. */
export class Session {
  readonly heard: Heard[] = [];
  hello: Hello | undefined;
  isOver = false;
  readonly #call: ServerDuplexStream<ConnectRequest, ConnectResponse>;

  constructor(call: ServerDuplexStream<ConnectRequest, ConnectResponse>, onHello: (session: Session) => void) {
    this.#call = call;
    call.on("data", ({ kind }: ConnectRequest) => {
      if (kind === undefined) return;
      this.heard.push(kind);
      if (kind.$case !== "hello") return;
      this.hello = kind.value;
      onHello(this);
    });
    const over = () => {
      this.isOver = true;
    };
    for (const event of ["end", "error", "close", "cancelled"]) call.on(event, over);
  }

  say(said: Said): void {
    this.#call.write({ kind: said });
  }

  /** Bytes that are no message. */
  sayBytes(bytes: Uint8Array): void {
    this.#call.write(bytes as unknown as ConnectResponse);
  }

  end(): void {
    this.#call.end();
  }

  fail(error: LuksmithError): void {
    this.#call.emit("error", toStatus(error));
  }

  pause(): void {
    this.#call.pause();
  }

  all<Name extends Heard["$case"]>(name: Name): Case<Name>[] {
    return this.heard.flatMap((kind) => (kind.$case === name ? [kind.value as Case<Name>] : []));
  }

  /** The first that fits. */
  async until<Name extends Heard["$case"]>(
    name: Name,
    fits: (value: Case<Name>) => boolean = () => true,
  ): Promise<Case<Name>> {
    await until(
      () => this.all(name).some(fits),
      () => `no ${name} among ${this.heard.map(({ $case }) => $case).join(", ")}`,
    );
    const found = this.all(name).find(fits);
    if (found === undefined) throw new Error("it was there a moment ago");
    return found;
  }
}

/** What stands in its certificate, and whom it believes. */
interface Shown {
  readonly kind?: IdentityKind;
  readonly id?: string;
  readonly trusted?: readonly TestFleet[];
}

export class ScriptedController {
  readonly fleet: TestFleet;
  readonly sessions: Session[] = [];
  readonly renewals: Uint8Array[] = [];
  /** What each machine is told of its certificate when it asks for another. */
  lifeMs = dayMs;
  /** By whom it has what it issues, and whom it tells machines to believe with that. */
  issuer: TestFleet;
  /** The addresses that it tells with that; undefined: its own. */
  names: string[] | undefined;
  /** Whose machines it takes. */
  readonly #trusted: readonly TestFleet[];
  readonly #id: string;
  #server: Server;
  #port = 0;
  readonly #onHello: (session: Session) => void;
  readonly #kind: IdentityKind;

  private constructor(fleet: TestFleet, onHello: (session: Session) => void, { kind, id, trusted }: Shown) {
    this.fleet = fleet;
    this.issuer = fleet;
    this.#onHello = onHello;
    this.#kind = kind ?? "controller";
    this.#id = id ?? "c1";
    this.#trusted = trusted ?? [fleet];
    this.#server = new Server();
  }

  /** @param onHello default: welcomes the machine @param shown left out: it is c1, a controller, and takes the machines of its fleet */
  static async start(
    context: TestContext,
    fleet: TestFleet,
    onHello: (session: Session) => void = welcome,
    shown: Shown = {},
  ): Promise<ScriptedController> {
    const controller = new ScriptedController(fleet, onHello, shown);
    await controller.listen();
    context.after(() => controller.stop());
    return controller;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Also again, where it was, after it has been stopped. */
  async listen(): Promise<void> {
    const { certificate, key } = await this.fleet.credential(this.#kind, this.#id);
    const authority = Buffer.from(this.#trusted.map((each) => each.authority.certificate).join(""));
    const credentials = ServerCredentials.createSsl(
      authority,
      [{ cert_chain: Buffer.from(certificate), private_key: Buffer.from(key) }],
      true,
    );
    this.#server = new Server();
    // what a test wants to send as it is
    const { connect } = FleetServiceService;
    const serialize = connect.responseSerialize;
    const raw = {
      ...connect,
      responseSerialize: (value: ConnectResponse) =>
        value instanceof Uint8Array ? Buffer.from(value) : serialize(value),
    };
    this.#server.addService(
      { ...FleetServiceService, connect: raw },
      {
        connect: (call: ServerDuplexStream<ConnectRequest, ConnectResponse>) => {
          this.sessions.push(new Session(call, this.#onHello));
        },
        renewCertificate: (
          call: ServerUnaryCall<RenewCertificateRequest, RenewCertificateResponse>,
          callback: sendUnaryData<RenewCertificateResponse>,
        ) => {
          const { certificateRequest } = call.request;
          this.renewals.push(certificateRequest);
          this.#credentials(certificateRequest).then(
            (issued) => callback(null, { credentials: issued }),
            (error: unknown) => callback(toStatus(error)),
          );
        },
      },
    );
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(this.#port === 0 ? "127.0.0.1:0" : this.address, credentials, (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  }

  /** As when it is killed. */
  stop(): void {
    this.#server.forceShutdown();
  }

  /** The n-th stream that has said hello, counted from 0. */
  async session(n = 0): Promise<Session> {
    await until(
      () => this.sessions[n]?.hello !== undefined,
      () => `no stream ${n}`,
    );
    const session = this.sessions[n];
    if (session === undefined) throw new Error("it was there a moment ago");
    return session;
  }

  async #credentials(request: Uint8Array): Promise<Credentials> {
    const certificate = await this.issuer.certify("machine", "m1", request, this.lifeMs);
    return { certificate, authorities: this.issuer.authority.certificate, addresses: this.names ?? [this.address] };
  }
}

export function welcome(session: Session): void {
  session.say({
    $case: "welcome",
    value: {
      machineId: "m1",
      name: "web01",
      time: new Date(),
      heartbeatEvery: { intervalMs: 1000, spreadMs: 0 },
      controller: "c1",
    },
  });
}

export async function until(isSo: () => boolean, what: () => string): Promise<void> {
  if (!(await waitUntil(systemClock, patienceMs, isSo))) throw new Error(what());
}
