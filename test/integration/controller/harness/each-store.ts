/** The same tests on a store in SQLite and on one in PostgreSQL. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe } from "node:test";
import { pino } from "pino";
import { type Clock, systemClock } from "../../../../common/clock.ts";
import { Store } from "../../../../controller/store/store.ts";
import { PostgresServer } from "./postgres-server.ts";

export interface StoreScene {
  readonly kind: "sqlite" | "postgres";
  /** A new one, with nothing in it; closed when the test ends. */
  open(clock?: Clock): Promise<Store>;
  /** Where a new one would be. */
  place(): Promise<string>;
}

export function eachStore(subject: string, tests: (scene: StoreScene) => void): void {
  describe(`${subject}, SQLite`, () => {
    let directory = "";
    let files = 0;
    before(async () => {
      directory = await mkdtemp(join(tmpdir(), "luksmith-store-"));
    });
    after(() => rm(directory, { recursive: true, force: true }));
    tests(
      sceneOf("sqlite", async () => {
        files += 1;
        return join(directory, `${files}.db`);
      }),
    );
  });
  describe(`${subject}, PostgreSQL`, () => {
    let server: PostgresServer | undefined;
    before(async () => {
      server = await PostgresServer.start();
    });
    after(() => server?.[Symbol.asyncDispose]());
    tests(
      sceneOf("postgres", async () => {
        if (server === undefined) throw new Error("the server is not there yet");
        return server.database();
      }),
    );
  });
}

function sceneOf(kind: StoreScene["kind"], place: () => Promise<string>): StoreScene {
  const opened: Store[] = [];
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });
  return {
    kind,
    place,
    async open(clock = systemClock) {
      const store = await Store.open(await place(), clock, pino({ level: "silent" }));
      opened.push(store);
      return store;
    },
  };
}
