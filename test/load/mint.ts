/** A fleet made on paper: machines in a store, and their certificates in a file, without the hour that enrolling them would take. */

import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { pino } from "pino";
import { systemClock } from "../../common/clock.ts";
import { makeKeyAndRequest } from "../../common/fleet/certificate-request.ts";
import { Authorities } from "../../controller/authority/authorities.ts";
import { readSecret } from "../../controller/authority/secret-file.ts";
import { addMachine } from "../../controller/store/machines.ts";
import { Store } from "../../controller/store/store.ts";
import type { SimulatedIdentity } from "./simulated-agent.ts";

/** Keys are made by threads of Node's: as many as there are at once. */
const atOnce = 16;

/**
 * @param file gets an identity in each line
 * @returns PEM of who is to be trusted
 */
export async function mintFleet(
  machines: number,
  controller: { readonly stateDir: string; readonly database: string },
  file: string,
): Promise<string> {
  const store = await Store.open(controller.database, systemClock, pino({ level: "silent" }));
  try {
    const authorities = new Authorities(store, await readSecret(controller.stateDir), systemClock);
    const lines = createWriteStream(file, { mode: 0o600 });
    let made = 0;
    const makeSome = async () => {
      while (made < machines) {
        made += 1;
        lines.write(`${JSON.stringify(await mint(store, authorities, made))}\n`);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, makeSome));
    lines.end();
    await finished(lines);
    return (await authorities.state()).trusted;
  } finally {
    await store.close();
  }
}

async function mint(store: Store, authorities: Authorities, number: number): Promise<SimulatedIdentity> {
  const id = randomUUID();
  const name = `load${number}`;
  const { key, request } = await makeKeyAndRequest();
  const fresh = await authorities.issueClient({ kind: "machine", name: id }, request);
  await store.transaction(async (database) => {
    await addMachine(database, {
      ...{ id, name, hostname: name, state: "active", labels: { load: "yes", rack: `r${number % 50}` } },
      ...{ enrolledMs: systemClock.now().getTime(), version: "simulated", tokenId: "" },
    });
    await authorities.record(database, fresh);
  });
  return { name, certificate: fresh.certificate, key };
}
