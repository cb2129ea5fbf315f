/** What holds for the store as a whole, on both databases. */

import assert from "node:assert/strict";
import { connect } from "node:net";
import { join } from "node:path";
import { it } from "node:test";
import { Kysely, sql } from "kysely";
import { pino } from "pino";
import { systemClock } from "../../../../common/clock.ts";
import { postgresConnections } from "../../../../controller/store/postgres.ts";
import type { Database, Tables } from "../../../../controller/store/schema.ts";
import { sqliteDialect } from "../../../../controller/store/sqlite.ts";
import { Store } from "../../../../controller/store/store.ts";
import { isTaken } from "../../../../controller/store/store-error.ts";
import { Cable } from "../../cable.ts";
import { eachStore } from "../harness/each-store.ts";
import { until } from "../harness/test-agent.ts";

const log = pino({ level: "silent" });

/** As any program finds it there, ours or not. */
function bare(place: string): Database {
  const dialect = place.startsWith("postgres:")
    ? postgresConnections(place, () => undefined).dialect
    : sqliteDialect(place);
  return new Kysely<Tables>({ dialect });
}

/** Its tables, and what it knows of itself. */
async function contentsOf(database: Database): Promise<unknown> {
  const tables = await database.introspection.getTables({ withInternalKyselyTables: true });
  const [migrations, locks, settings] = await Promise.all(
    ["kysely_migration", "kysely_migration_lock", "settings"].map((table) =>
      sql`select * from ${sql.table(table)}`.execute(database),
    ),
  );
  return JSON.stringify([tables, migrations?.rows, locks?.rows, settings?.rows]);
}

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

  if (scene.kind === "sqlite") {
    it("waits while there is no room for what must not be lost, says what for, and stores it once", async () => {
      const store = await scene.open();
      const { database } = store;
      const limit = (pages: number) => sql`pragma max_page_count = ${sql.lit(pages)}`.execute(database);
      // no less than there is
      await limit(1);
      const text = "x".repeat(2 ** 20);
      const writing = store.patiently(
        () =>
          store.transaction(async (transaction) => {
            for (const name of ["a", "b"]) {
              await transaction.insertInto("settings").values({ name, value: text }).execute();
            }
          }),
        new AbortController().signal,
      );
      await until(
        () => store.fault?.code === "full",
        () => `it waits for ${store.fault}`,
      );
      assert.match(store.fault?.message ?? "", /no room left/);
      assert.deepEqual(await database.selectFrom("settings").selectAll().execute(), []);
      await limit(2 ** 20);
      await writing;
      assert.equal(store.fault, undefined);
      assert.equal((await database.selectFrom("settings").selectAll().execute()).length, 2);
    });
  }

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
    const before = await contentsOf(store.database);
    await store.close();
    await assert.rejects(Store.open(place, systemClock, log), {
      code: "config",
      message: /newer luksmith \(9999-later;/,
      hint: /install the newer luksmith-controller/,
    });
    // and as it was: the newer program goes on with it
    const there = bare(place);
    assert.equal(await contentsOf(there), before);
    await there.destroy();
  });

  if (scene.kind === "postgres") {
    it("is brought to this program's schema however long that takes", async () => {
      const place = await scene.place();
      const store = await Store.open(place, systemClock, log);
      // as before the last migration, with what tells how long its statements may take
      for (const statement of [
        "drop table usage",
        "drop index runs_of_kind",
        "delete from kysely_migration where name = '0003-usage'",
        "create table allowed (timeout text)",
        `create function tell() returns event_trigger language plpgsql as $$ begin
          insert into allowed select current_setting(name) from unnest(
            array['statement_timeout', 'idle_in_transaction_session_timeout']) as name; end $$`,
        "create event trigger tell on ddl_command_end execute function tell()",
      ])
        await sql.raw(statement).execute(store.database);
      await store.close();
      const migrated = await Store.open(place, systemClock, log);
      const { rows } = await sql`select distinct timeout from allowed`.execute(migrated.database);
      assert.deepEqual(rows, [{ timeout: "0" }]);
      const { rows: usual } = await sql`show statement_timeout`.execute(migrated.database);
      assert.deepEqual(usual, [{ statement_timeout: "10s" }]);
      await migrated.close();
    });
  }

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

  if (scene.kind === "postgres") {
    it("is let go of although its server does not take leave", async () => {
      const place = new URL(await scene.place());
      const directory = place.searchParams.get("host") ?? "";
      await using way = new AsyncDisposableStack();
      const cable = await Cable.open(() => connect(join(directory, ".s.PGSQL.5432")));
      way.defer(() => cable.close());
      const sockets = () => process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length;
      const before = sockets();
      const store = await Store.open(`postgres://postgres@127.0.0.1:${cable.port}${place.pathname}`, systemClock, log);
      const asking = [1, 2, 3].map(() => store.database.selectFrom("settings").selectAll().execute());
      await Promise.all(asking);
      const connections = cable.freeze() / 2;
      assert.ok(connections >= 2, `${connections}`);
      await store.close();
      // the cable's own ends are still there
      const isLetGo = () => sockets() - before <= connections;
      await until(isLetGo, () => `${sockets() - before} sockets, of ${connections} connections`);
    });
  }
});
