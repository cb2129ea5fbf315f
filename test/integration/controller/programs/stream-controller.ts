/** The machines' side of a controller as a process of its own, which a test can kill: prints its port when it is ready. */

import { credentials } from "@grpc/grpc-js";
import { pino } from "pino";
import { systemClock } from "../../../../common/clock.ts";
import { Store } from "../../../../controller/store/store.ts";
import { Fleet } from "../../../../controller/stream/fleet.ts";
import { FleetDoor } from "../harness/fleet-door.ts";
import { plentiful, TestRules } from "../harness/test-fleet.ts";

const [url = "", controllerId = ""] = process.argv.slice(2);
const log = pino({ level: "silent" });
const store = await Store.open(url, systemClock, log);
const relayChannel = () => ({ credentials: credentials.createInsecure(), options: {} });
const fleet = new Fleet({
  ...{ controllerId, store, rules: new TestRules(), cut: () => undefined, relayChannel, clock: systemClock, log },
  quota: plentiful,
});
await fleet.begin();
const door = await FleetDoor.open(fleet, log);
process.stdout.write(`${door.port}\n`);
