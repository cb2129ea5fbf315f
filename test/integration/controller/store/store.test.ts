/** What holds for the store as a whole, on both databases. */

import assert from "node:assert/strict";
import { it } from "node:test";
import { sql } from "kysely";
import { pino } from "pino";
import { systemClock } from "../../../../common/clock.ts";
import { Store } from "../../../../controller/store/store.ts";
import { isTaken } from "../../../../controller/store/store-error.ts";
import { eachStore } from "../harness/each-store.ts";

const log = pino({ level: "silent" });

eachStore("the store", (scene) => {
  it("has the tables of this program's schema, and keeps what is in them", async () => {
    const place = await scene.place();
    const first = await Store.open(place, systemClock, log);
    await first.database.insertInto("settings").values({ name: "a", value: "ä" }).execute();
    await first.close();
    const second = await Store.open(place, systemClock, log);
    const rows = await second.database.selectFrom("settings").selectAll().execute();
    await second.close();
    assert.deepEqual(
      rows.map(({ name, value }) => [name, value]),
      [["a", "ä"]],
    );
  });

  it("brings back milliseconds as numbers and bytes as bytes", async () => {
    const { database } = await scene.open();
    const row = {
      fingerprint: "f",
      certificate: "c",
      sealed_key: Buffer.from([0, 255]),
      created_ms: 1764340000123,
      expires_ms: 2 ** 52,
    };
    await database.insertInto("authorities").values(row).execute();
    const [back] = await database.selectFrom("authorities").selectAll().execute();
    assert.equal(back?.created_ms, row.created_ms);
    assert.equal(back?.expires_ms, row.expires_ms);
    assert.deepEqual(Buffer.from(back?.sealed_key ?? []), row.sealed_key);
  });

  it("takes all of a transaction or nothing", async () => {
    const store = await scene.open();
    const failing = store.transaction(async (transaction) => {
      await transaction.insertInto("settings").values({ name: "a", value: "1" }).execute();
      throw new Error("on the way");
    });
    await assert.rejects(failing, /on the way/);
    assert.deepEqual(await store.database.selectFrom("settings").selectAll().execute(), []);
  });

  it("tells that a key is taken already", async () => {
    const { database } = await scene.open();
    const insert = () => database.insertInto("settings").values({ name: "a", value: "1" }).execute();
    await insert();
    await assert.rejects(insert, isTaken);
  });

  it("refuses what a newer program has made", async () => {
    const place = await scene.place();
    const store = await Store.open(place, systemClock, log);
    await sql`insert into kysely_migration (name, timestamp) values ('9999-later', '2030')`.execute(store.database);
    await store.close();
    await assert.rejects(Store.open(place, systemClock, log), {
      code: "config",
      message: /newer luksmith \(9999-later;/,
    });
  });

  it("is made once, whoever comes first", async () => {
    const place = await scene.place();
    const opened = await Promise.allSettled([1, 2, 3].map(() => Store.open(place, systemClock, log)));
    const stores = opened.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    assert.equal(stores.length, scene.kind === "postgres" ? 3 : 1);
    for (const each of opened) if (each.status === "rejected") assert.equal(each.reason.code, "locked");
    for (const store of stores) await store.close();
  });

  it("tells those that wait for news, wherever they are", async () => {
    const place = await scene.place();
    const store = await Store.open(place, systemClock, log);
    const other = scene.kind === "postgres" ? await Store.open(place, systemClock, log) : store;
    const heard: (string | undefined)[] = [];
    const news = Promise.withResolvers<void>();
    other.notices.on("dispatch", (id) => {
      heard.push(id);
      if (id === "d1") news.resolve();
    });
    // it may not listen yet: whoever waits is told that something may have been missed
    const telling = setInterval(() => store.notices.tell("dispatch", "d1"), 20);
    await news.promise;
    clearInterval(telling);
    await other.close();
    if (other !== store) await store.close();
    assert.ok(heard.includes("d1"));
  });
});
