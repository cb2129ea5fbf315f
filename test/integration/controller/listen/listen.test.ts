import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { afterEach, describe, it } from "node:test";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { Client, ServiceError, UntypedServiceImplementation } from "@grpc/grpc-js";
import { systemClock } from "../../../../common/clock.ts";
import { fromServiceError } from "../../../../common/error-wire.ts";
import { makeKeyAndRequest } from "../../../../common/fleet/certificate-request.ts";
import { unary } from "../../../../common/grpc-call.ts";
import { waitUntil } from "../../../../common/wait-until.ts";
import { type AuthorityKeyPair, dayMs, issue, makeAuthority } from "../../../../controller/authority/issue.ts";
import { keyOfRequest } from "../../../../controller/authority/request.ts";
import { unseal } from "../../../../controller/authority/seal.ts";
import { parsePeer } from "../../../../controller/listen/peer.ts";
import { revokeCertificates } from "../../../../controller/store/certificates.ts";
import { ControllerServiceService } from "../../../../proto/gen/luksmith/v1/controller.ts";
import { EnrolmentServiceService, FleetServiceService } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { ManualClock } from "../../runs/manual-clock.ts";
import { type Credential, FleetScene, type FleetSceneOptions, silent, testSecret } from "../harness/fleet-scene.ts";

const waitMs = 10_000;

/** Each service says who it heard. */
const services = () => {
  const credentials = { certificate: "", authorities: "", addresses: [] as string[] };
  const fleet: UntypedServiceImplementation = {
    renewCertificate: unary(silent, (_request, peer) => ({ credentials: { ...credentials, certificate: peer } })),
    connect: (call: { write(message: object): void; on(name: string, listener: () => void): void }) => {
      call.write({ kind: { $case: "heartbeatEvery", value: { intervalMs: 1, spreadMs: 0 } } });
      call.on("error", () => undefined);
    },
  };
  const enrolment: UntypedServiceImplementation = {
    enroll: unary(silent, (_request, peer) => ({ machineId: peer, name: "", credentials })),
  };
  const controller: UntypedServiceImplementation = {
    listTokens: unary(silent, () => ({ tokens: [] })),
  };
  return [
    [FleetServiceService, fleet],
    [EnrolmentServiceService, enrolment],
    [
      ControllerServiceService,
      Object.fromEntries(
        Object.keys(ControllerServiceService).map((name) => [name, controller[name] ?? controller.listTokens]),
      ),
    ],
  ] as never;
};

interface Method {
  readonly path: string;
  readonly requestSerialize: (request: never) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => unknown;
}

const call = (client: Client, method: Method, request: object) =>
  new Promise<unknown>((resolve, reject) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize as (request: object) => Buffer,
      method.responseDeserialize,
      request,
      { deadline: Date.now() + waitMs },
      (error: ServiceError | null, response) => (error === null ? resolve(response) : reject(error)),
    );
  });

const asMachine = (client: Client) =>
  call(client, FleetServiceService.renewCertificate, { certificateRequest: Buffer.alloc(0) }) as Promise<{
    credentials: { certificate: string };
  }>;
const asOperator = (client: Client) => call(client, ControllerServiceService.listTokens, {});
const asStranger = (client: Client) =>
  call(client, EnrolmentServiceService.enroll, {
    ...{ token: "", certificateRequest: Buffer.alloc(0), hostname: "", version: "" },
  }) as Promise<{ machineId: string }>;

async function refusedWith(answer: Promise<unknown>, code: string, words: RegExp): Promise<void> {
  await assert.rejects(answer, (error: ServiceError) => {
    const detail = fromServiceError(error);
    assert.equal(detail?.code, code, `${error.code} ${error.message}`);
    assert.match(detail?.message ?? "", words);
    return true;
  });
}

describe("the controller's port", () => {
  let scene: FleetScene | undefined;
  const start = async (options: FleetSceneOptions = {}) => {
    scene = await FleetScene.start(services, options);
    return scene;
  };
  afterEach(async () => {
    await scene?.[Symbol.asyncDispose]();
    scene = undefined;
  });

  const as = async (of: FleetScene, own?: Pick<Credential, "certificate" | "key">) =>
    of.client({ authorities: await of.trusted(), ...(own === undefined ? {} : { own }) });

  /** By the fleet's authority, with whatever a test wants to be in it. */
  const forged = async (
    of: FleetScene,
    identity: { kind: "machine" | "operator" | "controller"; name: string },
    { lifeMs = dayMs, now = new Date(), by }: { lifeMs?: number; now?: Date; by?: AuthorityKeyPair } = {},
  ) => {
    const { key, request } = await makeKeyAndRequest();
    if (by !== undefined) return { ...(await issue(by, identity, await keyOfRequest(request), lifeMs, now)), key };
    const { old } = await of.authorities.state();
    const pair = { certificate: old.certificate, key: unseal(testSecret, old.fingerprint, old.sealedKey) };
    return { ...(await issue(pair, identity, await keyOfRequest(request), lifeMs, now)), key };
  };

  it("tells handlers who is calling, whatever the client says", async () => {
    const fleet = await start();
    const machine = await fleet.machine("m1");
    const { credentials } = await asMachine(await as(fleet, machine));
    const peer = parsePeer(credentials.certificate);
    assert.deepEqual(
      { kind: peer.kind, name: "name" in peer && peer.name, serial: "serial" in peer && peer.serial },
      { kind: "machine", name: "m1", serial: machine.serial },
    );
    const { machineId } = await asStranger(await as(fleet));
    assert.equal(machineId, "stranger;address=127.0.0.1");
  });

  it("lets each kind speak to its own service alone", async () => {
    const fleet = await start();
    const machine = await as(fleet, await fleet.machine("m1"));
    const operator = await as(fleet, await fleet.operator("alice"));
    const controller = await as(fleet, await forged(fleet, { kind: "controller", name: "c1" }));
    const stranger = await as(fleet);
    await asOperator(operator);
    await refusedWith(asOperator(machine), "denied", /operators.*one of machines/);
    await refusedWith(asStranger(machine), "denied", /nobody who has a certificate/);
    await refusedWith(asMachine(operator), "denied", /machines.*one of operators/);
    await refusedWith(asMachine(controller), "denied", /machines.*one of controllers/);
    await refusedWith(asOperator(controller), "denied", /operators.*one of controllers/);
    await refusedWith(asMachine(stranger), "denied", /without a certificate/);
    await refusedWith(asOperator(stranger), "denied", /without a certificate/);
  });

  it("refuses certificates that do not count, says why, and tells who it was", async () => {
    const fleet = await start();
    await fleet.machine("m1");
    const day = (days: number) => new Date(Date.now() + days * dayMs);
    const of = { kind: "machine", name: "m1" } as const;
    const refused = async (own: Pick<Credential, "certificate" | "key">, words: RegExp) =>
      refusedWith(asMachine(await as(fleet, own)), "refused", words);
    await refused(await forged(fleet, of, { by: await makeAuthority(new Date()) }), /not one of this fleet/);
    await refused(await forged(fleet, of, { now: day(-3) }), /has expired/);
    await refused(await forged(fleet, of, { now: day(3) }), /not valid yet/);
    await refused(await forged(fleet, { kind: "machine", name: "m2" }), /nobody of this name/);
    await fleet.machine("m3", "revoked");
    await refused(await forged(fleet, { kind: "machine", name: "m3" }), /has been revoked/);
    assert.deepEqual(
      fleet.turnedAway.map(({ refusal, claimed }) => [refusal, claimed?.name]),
      [
        ["foreign", undefined],
        ["expired", "m1"],
        ["early", "m1"],
        ["unknown", "m2"],
        ["revoked", "m3"],
      ],
    );
  });

  it("believes no certificate that a machine has signed", async () => {
    const fleet = await start();
    const machine = await fleet.machine("m1");
    const key = createPrivateKey(machine.key).export({ format: "der", type: "pkcs8" });
    const own = await forged(
      fleet,
      { kind: "operator", name: "alice" },
      { by: { certificate: machine.certificate, key } },
    );
    await fleet.operator("alice");
    const chained = { certificate: own.certificate + machine.certificate, key: own.key };
    await refusedWith(asOperator(await as(fleet, chained)), "refused", /not one of this fleet/);
  });

  it("is believed by its clients as a controller alone", async () => {
    const fleet = await start();
    const stranger = fleet.client({ authorities: (await makeAuthority(new Date())).certificate });
    await assert.rejects(asStranger(stranger), /unable to verify|self-signed|unable to get/i);
    const machine = await fleet.machine("m1");
    // as whoever has got hold of a machine's key would
    fleet.listener.show({ chain: machine.certificate, key: machine.key, trusted: await fleet.trusted() });
    await assert.rejects(asStranger(await as(fleet)), /unsuitable certificate purpose|not a controller's/);
  });

  it("ends a revoked machine's stream at once, and takes it no more", async () => {
    const fleet = await start();
    const machine = await fleet.machine("m1");
    const client = await as(fleet, machine);
    const other = await as(fleet, await fleet.machine("m2"));
    const { connect } = FleetServiceService;
    const stream = client.makeBidiStreamRequest(connect.path, connect.requestSerialize, connect.responseDeserialize);
    const ended = once(stream, "error");
    await once(stream, "data");
    await asMachine(other);
    await revokeCertificates(fleet.store.database, { kind: "machine", name: "m1" }, Date.now());
    fleet.store.notices.tell("certificate", "m1");
    await ended;
    await refusedWith(asMachine(client), "refused", /revoked/);
    await asMachine(other);
    assert.equal(fleet.listener.counts().machines, 1);
  });

  it("refuses a certificate that was revoked since the connection was made, should nobody have cut it", async () => {
    const fleet = await start();
    const client = await as(fleet, await fleet.machine("m1"));
    await asMachine(client);
    await fleet.store.database.updateTable("machines").set({ state: "revoked" }).execute();
    await refusedWith(asMachine(client), "refused", /revoked/);
  });

  it("ends a connection whose certificate expires", async () => {
    const clock = new ManualClock(new Date());
    const fleet = await start({ clock, lifeMs: 3_600_000 });
    await asMachine(await as(fleet, await fleet.machine("m1")));
    assert.equal(fleet.listener.counts().machines, 1);
    clock.advance(3_600_000);
    assert.ok(await waitUntil(systemClock, waitMs, () => fleet.listener.counts().machines === 0));
  });

  it("resumes no session", async () => {
    const fleet = await start();
    const machine = await fleet.machine("m1");
    const options = {
      ...{ port: fleet.listener.port, host: "127.0.0.1", ca: await fleet.trusted(), cert: machine.certificate },
      ...{ key: machine.key, ALPNProtocols: ["h2"], checkServerIdentity: () => undefined },
    };
    const first = connectTls(options);
    let session: Buffer | undefined;
    first.on("session", (given) => {
      session = given;
    });
    first.resume();
    await once(first, "secureConnect");
    // what a server has to say of a session comes with its first words
    await once(first, "session").catch(() => undefined);
    first.destroy();
    const again: TLSSocket = connectTls({ ...options, ...(session === undefined ? {} : { session }) });
    await once(again, "secureConnect");
    assert.equal(again.isSessionReused(), false);
    again.destroy();
  });

  it("does not mind garbage, older TLS, other protocols and handshakes that stand still", async () => {
    const fleet = await start({ limits: { handshakeMs: 300, handshakesEach: 4 } });
    const { port } = fleet.listener;
    const garbage = connectTcp(port, "127.0.0.1");
    garbage.on("error", () => undefined).resume();
    garbage.end("GET / HTTP/1.0\r\n\r\n");
    await once(garbage, "close");
    const ca = await fleet.trusted();
    const base = { port, host: "127.0.0.1", ca, checkServerIdentity: () => undefined };
    for (const maxVersion of ["TLSv1.1", "TLSv1.2"] as const) {
      const old = connectTls({ ...base, minVersion: "TLSv1.1", maxVersion, ALPNProtocols: ["h2"] });
      await assert.rejects(once(old, "secureConnect"));
    }
    const http1 = connectTls(base);
    http1.on("error", () => undefined).resume();
    await once(http1, "close");
    // HTTP/2 was agreed on, and is not what comes
    const liar = connectTls({ ...base, ALPNProtocols: ["h2"] });
    liar.on("error", () => undefined).resume();
    liar.write(Buffer.alloc(64 * 1024, 0xff));
    await once(liar, "close");
    const silentOnes = Array.from({ length: 4 }, () => connectTcp(port, "127.0.0.1"));
    await Promise.all(silentOnes.map((socket) => once(socket.on("error", () => undefined).resume(), "close")));
    const client = await as(fleet, await fleet.machine("m1"));
    await asMachine(client);
  });

  it("has room for so many handshakes of one address, and for the others none the less", async () => {
    const fleet = await start({ limits: { handshakesEach: 3 } });
    const { port } = fleet.listener;
    const held = [];
    for (let count = 0; count < 3; count += 1) {
      const socket = connectTcp(port, "127.0.0.1").on("error", () => undefined);
      await once(socket, "connect");
      held.push(socket);
    }
    const tooMany = connectTcp(port, "127.0.0.1").on("error", () => undefined);
    tooMany.resume();
    await once(tooMany, "close");
    const elsewhere = connectTls({
      ...{ port, host: "127.0.0.1", localAddress: "127.0.0.2", ca: await fleet.trusted(), ALPNProtocols: ["h2"] },
      checkServerIdentity: () => undefined,
    });
    await once(elsewhere, "secureConnect");
    elsewhere.destroy();
    for (const socket of held) socket.destroy();
  });

  it("answers each machine and operator so often in a minute, and the others none the less", async () => {
    const clock = new ManualClock(new Date());
    const rates = { machine: { perMinute: 2, atOnce: 3 }, operator: { perMinute: 60, atOnce: 4 } };
    const fleet = await start({ clock, rates });
    const [m1, m2] = [await as(fleet, await fleet.machine("m1")), await as(fleet, await fleet.machine("m2"))];
    const ann = await as(fleet, await fleet.operator("m1"));
    for (let calls = 0; calls < 3; calls += 1) await asMachine(m1);
    await refusedWith(asMachine(m1), "locked", /^too many calls of machine m1 /);
    await asMachine(m2);
    for (let calls = 0; calls < 4; calls += 1) await asOperator(ann);
    await refusedWith(asOperator(ann), "locked", /^too many calls of operator m1 /);
    clock.advance(30_000);
    await asMachine(m1);
    await refusedWith(asMachine(m1), "locked", /^too many calls/);
    await asOperator(ann);
  });

  it("takes each machine so often in a minute, and the others none the less", async () => {
    const clock = new ManualClock(new Date());
    const fleet = await start({ clock, limits: { eachRate: { perMinute: 1, atOnce: 2 } } });
    const [m1, m2] = [await fleet.machine("m1"), await fleet.machine("m2")];
    const comes = async (own: Credential) => {
      const client = await as(fleet, own);
      try {
        await asMachine(client);
        return true;
      } catch (error) {
        assert.equal(fromServiceError(error as ServiceError), undefined);
        return false;
      } finally {
        client.close();
      }
    };
    assert.deepEqual([await comes(m1), await comes(m1), await comes(m1)], [true, true, false]);
    assert.equal(await comes(m2), true);
    clock.advance(60_000);
    assert.equal(await comes(m1), true);
  });

  it("limits what strangers and each machine can hold", async () => {
    const clock = new ManualClock(new Date());
    const fleet = await start({ clock, limits: { strangersEach: 2, each: 2, strangerMs: 1000 } });
    const tls = async (own?: Credential) => {
      const socket = connectTls({
        ...{ port: fleet.listener.port, host: "127.0.0.1", ca: await fleet.trusted(), ALPNProtocols: ["h2"] },
        ...(own === undefined ? {} : { cert: own.certificate, key: own.key }),
        checkServerIdentity: () => undefined,
      });
      socket.on("error", () => undefined).resume();
      const closed = once(socket, "close");
      await once(socket, "secureConnect");
      return { socket, closed };
    };
    const [m1, m2] = [await fleet.machine("m1"), await fleet.machine("m2")];
    const held = [await tls(), await tls(), await tls(m1), await tls(m1)];
    assert.ok(await waitUntil(systemClock, waitMs, () => fleet.listener.counts().machines === 2));
    assert.ok(await waitUntil(systemClock, waitMs, () => fleet.listener.counts().others === 2));
    await Promise.all([await tls(), await tls(m1)].map(({ closed }) => closed));
    held.push(await tls(m2));
    assert.ok(await waitUntil(systemClock, waitMs, () => fleet.listener.counts().machines === 3));
    clock.advance(10_000);
    assert.ok(await waitUntil(systemClock, waitMs, () => fleet.listener.counts().others === 0));
    assert.equal(fleet.listener.counts().machines, 3);
    for (const { socket } of held) socket.destroy();
  });

  it("lets nobody in while the database cannot say whether a certificate counts", async () => {
    const fleet = await start();
    const client = await as(fleet, await fleet.machine("m1"));
    await fleet.store.database.schema.alterTable("machines").renameTo("away").execute();
    await refusedWith(asMachine(client), "unreachable", /database/);
    await fleet.store.database.schema.alterTable("away").renameTo("machines").execute();
  });

  it("shows another certificate from the next connection on", async () => {
    const fleet = await start();
    const before = await asMachine(await as(fleet, await fleet.machine("m1")));
    assert.match(before.credentials.certificate, /^machine=m1/);
    const fresh = await forged(fleet, { kind: "controller", name: "c1" });
    const trusted = await fleet.trusted();
    fleet.listener.show({ chain: fresh.certificate + trusted, key: fresh.key, trusted });
    const socket = connectTls({
      ...{ port: fleet.listener.port, host: "127.0.0.1", ca: trusted, ALPNProtocols: ["h2"] },
      checkServerIdentity: () => undefined,
    });
    await once(socket, "secureConnect");
    const shown = socket.getPeerX509Certificate();
    assert.equal(shown?.serialNumber.toLowerCase(), fresh.serial);
    assert.equal(new X509Certificate(trusted).ca, true);
    socket.destroy();
  });
});
