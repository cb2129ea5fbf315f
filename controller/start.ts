/** Starting the controller: wiring, in the order in which things may be trusted to be there. It decides nothing. */

import { hostname } from "node:os";
import { Server } from "@grpc/grpc-js";
import { systemClock } from "../common/clock.ts";
import { LuksmithError } from "../common/errors.ts";
import { fleetChannelOptions, fleetCredentials } from "../common/fleet/channel.ts";
import type { Log } from "../common/log.ts";
import type { Up } from "../common/service.ts";
import { version } from "../common/version.ts";
import { ControllerServiceService } from "../proto/gen/luksmith/v1/controller.ts";
import { EnrolmentServiceService } from "../proto/gen/luksmith/v1/fleet.ts";
import { RelayServiceService } from "../proto/gen/luksmith/v1/relay.ts";
import { startAlerts } from "./alerts/start.ts";
import { Authorities } from "./authority/authorities.ts";
import { readSecret } from "./authority/secret-file.ts";
import { trustOrders } from "./authority/trust-order.ts";
import type { ControllerConfig } from "./config/controller-config.ts";
import { ControllerChanges } from "./controller-changes.ts";
import { controllerId } from "./controller-id.ts";
import { Enrolment } from "./enrol/enrolment.ts";
import { enrolmentService, renewalHandlers } from "./enrol/handlers.ts";
import { type AskStanding, gate } from "./listen/gate.ts";
import { type FleetListener, fleetServerOptions, listenForFleet } from "./listen/listen.ts";
import { OwnCertificate } from "./listen/own-certificate.ts";
import { requireKind } from "./listen/peer.ts";
import { Revocations } from "./listen/revocations.ts";
import { recordTurnedAway } from "./listen/turned-away.ts";
import { MachineChanges } from "./machines/changes.ts";
import { FleetMetrics } from "./metrics/fleet-metrics.ts";
import { serveHealth } from "./metrics/serve-health.ts";
import { OperatorAccounts } from "./operators/accounts.ts";
import { Operators } from "./operators/operators.ts";
import { ownAddress } from "./own-address.ts";
import { requireOwnFiles } from "./own-files.ts";
import { Presence } from "./presence.ts";
import { Retention } from "./retention.ts";
import { controllerService } from "./rpc/service.ts";
import { LostRuns } from "./runs/lost-runs.ts";
import { readAssignments, readExpectations, readPermitLimits } from "./schedule/rules.ts";
import { addAudit } from "./store/audit.ts";
import { certificateStanding } from "./store/certificates.ts";
import { isRevokedController, listRevokedControllers } from "./store/controllers.ts";
import { firstAddresses } from "./store/first-settings.ts";
import { Store } from "./store/store.ts";
import { mayPass } from "./store/store-error.ts";
import { Fleet } from "./stream/fleet.ts";
import { connectHandler, fleetServiceDefinition } from "./stream/fleet-service.ts";
import { relayService } from "./stream/relay.ts";
import { FleetView } from "./view/fleet-view.ts";

/** @throws {LuksmithError} "config" when no fleet has begun here, or it is another user's; what a part throws that cannot begin */
export async function startController(up: Up, config: ControllerConfig, log: Log): Promise<void> {
  await requireOwnFiles(config.stateDir, config.database);
  // before a database is made where no fleet has begun
  const secret = await readSecret(config.stateDir);
  const store = await Store.open(config.database, systemClock, log);
  up.own("close the database", () => store.close());
  try {
    await startOn(store, secret, up, config, log);
  } catch (error) {
    // a database that is away, or full, since a moment ago
    throw mayPass(error) ? store.error(error) : error;
  }
}

async function startOn(store: Store, secret: Buffer, up: Up, config: ControllerConfig, log: Log): Promise<void> {
  const clock = systemClock;
  const id = await controllerId(config.stateDir);
  if (await isRevokedController(store.database, id)) throw revokedError(id, config.stateDir);
  const authorities = new Authorities(store, secret, clock, {
    machine: config.certificates.machinesMs,
    operator: config.certificates.operatorsMs,
    controller: config.certificates.controllersMs,
  });
  const own = new OwnCertificate(authorities, id, clock, log);
  let tls = await own.make();
  up.own("let the own certificate be", () => own.close());

  const addresses = await toldAddresses(config, store);
  const metrics = new FleetMetrics(store, config.metrics, clock, log);
  const alerts = await startAlerts(
    store,
    config,
    readExpectations,
    { deliveries: metrics.deliveries, watch: metrics.watch },
    clock,
    log,
  );
  up.own("end the alerts", () => alerts.close());

  const cuts: { cut: (machine: string) => void } = { cut: () => undefined };
  const fleet = new Fleet({
    ...{ controllerId: id, store, clock, log },
    rules: {
      assignments: () => metrics.schedulesRead(() => readAssignments(store.database)),
      permitLimits: () => readPermitLimits(store.database),
      trustOrders: async () =>
        trustOrders({
          ...{ state: await authorities.state(), addresses },
          revokedControllers: await listRevokedControllers(store.database),
        }),
    },
    cut: (machine) => cuts.cut(machine),
    relayChannel: (controller) => ({
      credentials: fleetCredentials({
        ...{ authorities: tls.trusted, own: { certificate: tls.chain, key: tls.key }, controller },
      }),
      options: fleetChannelOptions,
    }),
    quota: config.retention.perMachine,
    events: metrics,
  });
  const operators = new Operators(store, clock, (peer) => requireKind(peer, "operator"));
  const enrolment = new Enrolment({
    ...{ store, authorities, clock, log },
    addresses: () => addresses,
    record: (database, fact) => addAudit(database, { ...fact, operator: "", timeMs: clock.now().getTime() }),
  });

  const standing: AskStanding = (identity, serial) => certificateStanding(store.database, identity, serial);
  const server = new Server({ ...fleetServerOptions, interceptors: [gate(standing, clock, log)] });
  server.addService(EnrolmentServiceService, enrolmentService(enrolment, log));
  server.addService(fleetServiceDefinition, {
    ...renewalHandlers(enrolment, log),
    connect: connectHandler(fleet.sessions, log),
  });
  server.addService(RelayServiceService, relayService(fleet.sessions, log));
  server.addService(
    ControllerServiceService,
    controllerService({
      ...{ store, clock, log, version, controllerId: id, addresses, operators, authorities },
      accounts: new OperatorAccounts(store, clock, authorities),
      machines: new MachineChanges(store, clock),
      controllers: new ControllerChanges(store, clock, id),
      lines: fleet.relay,
      view: new FleetView(store, clock, fleet.relay),
      dispatcher: fleet.dispatcher,
      testChannels: (only, signal) => alerts.test(only, signal),
    }),
  );
  up.own("end the calls", async () => server.forceShutdown());
  const listening: { listener?: FleetListener } = {};
  up.own("end the connections", async () => listening.listener?.close());
  // what the fleet follows ends also when nothing can be listened on
  up.own("send the machines away", () => fleet.close(up.hurry));
  await fleet.begin();
  const onTurnedAway = recordTurnedAway(store, clock, log);
  const listener = await listenForFleet({ ...config.listen, server, tls, standing, onTurnedAway, clock, log });
  listening.listener = listener;
  up.own("stop listening", async () => listener.stop());
  cuts.cut = (machine) => listener.cut({ kind: "machine", name: machine });
  own.follow(store.notices, (fresh) => {
    tls = fresh;
    listener.show(fresh);
  });
  const revocations = new Revocations(store, clock, log, ({ owner }) => listener.cut(owner));
  revocations.follow();
  up.own("let revocations be", () => revocations.close());

  const presence = new Presence(store, clock, log, id, {
    takeBack: () => fleet.sessions.takeBack(),
    revoked: () => up.fail(revokedError(id, config.stateDir)),
  });
  await presence.begin(config.address ?? ownAddress(config.listen, hostname()), version);
  up.own("tell the other controllers", () => presence.end());
  const retention = new Retention(store, config.retention, clock, log);
  retention.follow();
  up.own("stop tidying", () => retention.close());
  const lostRuns = new LostRuns(store, clock, log, metrics);
  lostRuns.follow();
  up.own("stop looking for lost runs", () => lostRuns.close());
  let isListening = true;
  const health = await serveHealth(config.http, metrics, store, () => isListening, clock, log);
  up.own("end the health port", () => health.close());
  up.own("be ready no more", async () => {
    isListening = false;
    store.hasten();
  });
  const { host, port } = config.listen;
  log.info({ version, controller: id, listen: `${host}:${port}`, database: store.place, addresses }, "ready");
}

function revokedError(id: string, stateDir: string): LuksmithError {
  return new LuksmithError("config", `this controller, ${id}, has been revoked`, {
    hint: `if that was no mistake, docs/fleet.md says what else is to be done; else remove ${stateDir}/controller.id: it begins anew under another name`,
  });
}

/** Where machines are told to connect: as the configuration says, else as the fleet was begun with, else here. */
async function toldAddresses(config: ControllerConfig, store: Store): Promise<readonly string[]> {
  if (config.addresses.length > 0) return config.addresses;
  const first = await firstAddresses(store.database);
  return first.length > 0 ? first : [ownAddress(config.listen, hostname())];
}
