import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { it } from "node:test";
import { certificatesIn, fingerprintOf, issuerAmong } from "../../../../common/fleet/certificate.ts";
import { makeKeyAndRequest } from "../../../../common/fleet/certificate-request.ts";
import { Authorities, type AuthorityState } from "../../../../controller/authority/authorities.ts";
import { listFollowers } from "../../../../controller/authority/followers.ts";
import { trustOrders } from "../../../../controller/authority/trust-order.ts";
import type { AuthorityRow } from "../../../../controller/store/authorities.ts";
import type { Store } from "../../../../controller/store/store.ts";
import { Trust } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { ManualClock } from "../../runs/manual-clock.ts";
import { eachStore } from "../harness/each-store.ts";
import { testSecret } from "../harness/fleet-scene.ts";

const addresses = ["fleet.example.net:7443"];

async function enrolled(store: Store, authorities: Authorities, id: string): Promise<string> {
  const bytes = new Uint8Array();
  await store.database
    .insertInto("machines")
    .values({
      ...{ id, name: id, hostname: id, state: "active", labels: "{}", version: "1", token_id: "", enrolled_ms: 1 },
      ...{ last_seen_ms: null, clock_skew_ms: 0, controller_id: null, instance: "", stream: 1, inventory: bytes },
      ...{ trust: bytes, schedules_revision: "", notice: "" },
    })
    .execute();
  return renewed(store, authorities, id);
}

async function renewed(store: Store, authorities: Authorities, id: string): Promise<string> {
  const { request } = await makeKeyAndRequest();
  const fresh = await authorities.issueClient({ kind: "machine", name: id }, request);
  await authorities.record(store.database, fresh);
  return fresh.certificate;
}

async function tells(store: Store, id: string, trusted: string, certificate: string): Promise<Trust> {
  const known = certificatesIn(trusted);
  const issuer = issuerAmong(new X509Certificate(certificate), known);
  const trust = {
    authorities: known.map(fingerprintOf),
    issuer: issuer === undefined ? "" : fingerprintOf(issuer),
    expires: undefined,
    revokedControllers: [],
    refused: undefined,
    addresses,
  };
  const bytes = Trust.encode(trust).finish();
  await store.database.updateTable("machines").set({ trust: bytes }).where("id", "=", id).execute();
  return trust;
}

/** In a fleet of which no controller was revoked. */
function orderFor(trust: Trust, state: AuthorityState) {
  return trustOrders({ state, addresses, revokedControllers: [] })(trust);
}

eachStore("one authority in the place of another", (scene) => {
  const start = async () => {
    const clock = new ManualClock();
    const store = await scene.open(clock);
    const authorities = new Authorities(store, testSecret, clock);
    await authorities.begin();
    const followers = (next: AuthorityRow | undefined) => listFollowers(store.database, next, clock.now().getTime());
    const rotate = (step: "start" | "next" | "back", force = false) => {
      clock.advance(1000);
      return authorities.rotate(step, followers, force);
    };
    return { clock, store, authorities, followers, rotate };
  };
  const duties = ({ issuesClients, issuesServers, old }: AuthorityState) =>
    [issuesClients, issuesServers].map((row) => (row === old ? "old" : "next")).join(" ");

  it("is not held up by controllers that were revoked in the course of years", async () => {
    const { store, authorities } = await start();
    const state = await authorities.state();
    const trust = await tells(store, "m1", state.trusted, await enrolled(store, authorities, "m1"));
    const revokedControllers = Array.from({ length: 70 }, (_, n) => ({ id: `c${n}`, revokedMs: n }));
    const orderOf = trustOrders({ state, addresses, revokedControllers });
    const ids = orderOf(trust)?.revokedControllers?.ids ?? [];
    // more a machine does not take
    assert.equal(ids.length, 64);
    assert.ok(ids.includes("c69") && !ids.includes("c5"));
    assert.equal(orderOf({ ...trust, revokedControllers: ids.toSorted() }), undefined);
  });

  it("goes through its phases with those who come along, and no faster", async () => {
    const { store, authorities, followers, rotate } = await start();
    const first = await authorities.state();
    let certificate = await enrolled(store, authorities, "m1");
    const trust = await tells(store, "m1", first.trusted, certificate);
    assert.equal(orderFor(trust, first), undefined);

    assert.equal(await rotate("start"), "trust");
    const both = await authorities.state();
    assert.equal(certificatesIn(both.trusted).length, 2);
    assert.deepEqual(orderFor(trust, both), {
      authorities: both.trusted,
      addresses: [],
      renew: false,
      revokedControllers: undefined,
    });
    await assert.rejects(rotate("next"), { code: "incomplete", message: /m1/ });
    const trusting = await tells(store, "m1", both.trusted, certificate);
    assert.equal(orderFor(trusting, both), undefined);

    assert.equal(await rotate("next"), "clients");
    const clients = await authorities.state();
    assert.equal(duties(clients), "next old");
    assert.deepEqual(orderFor(trusting, clients), {
      authorities: "",
      addresses: [],
      renew: true,
      revokedControllers: undefined,
    });
    await assert.rejects(rotate("next"), { code: "incomplete", message: /m1/ });
    certificate = await renewed(store, authorities, "m1");
    const following = await tells(store, "m1", clients.trusted, certificate);
    assert.equal(orderFor(following, clients), undefined);
    assert.deepEqual(
      (await followers(clients.next)).map(({ name, trustsNext, issuedByNext }) => [name, trustsNext, issuedByNext]),
      [["m1", true, true]],
    );

    assert.equal(await rotate("next"), "servers");
    assert.equal(duties(await authorities.state()), "next next");
    assert.equal(await rotate("next"), "none");
    const last = await authorities.state();
    assert.equal(last.old.fingerprint, both.next?.fingerprint);
    assert.equal(last.next, undefined);
    assert.deepEqual(orderFor(following, last), {
      authorities: last.trusted,
      addresses: [],
      renew: false,
      revokedControllers: undefined,
    });
    await assert.rejects(rotate("back"), { code: "usage" });
    assert.equal((await store.database.selectFrom("authorities").selectAll().execute()).length, 1);
  });

  it("goes back from each phase but the last, and leaves nothing", async () => {
    const { store, authorities, rotate } = await start();
    const first = await authorities.state();
    const old = await enrolled(store, authorities, "m1");
    await rotate("start");
    await tells(store, "m1", (await authorities.state()).trusted, old);
    await rotate("next");
    const fresh = await renewed(store, authorities, "m1");
    const both = (await authorities.state()).trusted;
    const ahead = await tells(store, "m1", both, fresh);
    await rotate("next");
    assert.equal(await rotate("back"), "clients");
    assert.equal(await rotate("back"), "trust");
    // it is one of the new authority's, which is to go
    assert.equal(orderFor(ahead, await authorities.state())?.renew, true);
    await assert.rejects(rotate("back"), { code: "incomplete", message: /m1/ });
    await tells(store, "m1", both, await renewed(store, authorities, "m1"));
    assert.equal(await rotate("back"), "none");
    const last = await authorities.state();
    assert.equal(last.trusted, first.trusted);
    assert.equal(duties(last), "old old");
  });

  it("waits for nobody who is revoked or whose certificate has expired, and for operators as well", async () => {
    const { clock, store, authorities, followers, rotate } = await start();
    await enrolled(store, authorities, "gone");
    await enrolled(store, authorities, "asleep");
    await store.database.updateTable("machines").set({ state: "revoked" }).where("id", "=", "gone").execute();
    clock.advance(31 * 24 * 3_600_000);
    const { request } = await makeKeyAndRequest();
    await authorities.record(
      store.database,
      await authorities.issueClient({ kind: "operator", name: "alice" }, request),
    );
    await rotate("start");
    const { next } = await authorities.state();
    assert.deepEqual(
      (await followers(next)).map(({ name }) => name),
      ["operator alice"],
    );
    await assert.rejects(rotate("next"), { code: "incomplete", message: /operator alice/ });
    await authorities.record(
      store.database,
      await authorities.issueClient({ kind: "operator", name: "alice" }, request),
    );
    assert.equal(await rotate("next"), "clients");
    assert.equal(await rotate("next", true), "servers");
  });

  it("is begun by one of two who begin it at once", async () => {
    const { store, authorities, followers } = await start();
    const results = await Promise.allSettled([0, 1].map(() => authorities.rotate("start", followers, false)));
    const failures = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    assert.equal(failures.length, 1);
    assert.ok(["locked", "exists"].includes(failures[0].code), `${failures[0]}`);
    assert.equal((await store.database.selectFrom("authorities").selectAll().execute()).length, 2);
  });

  it("issues nothing with a secret that is another's", async () => {
    const { clock, store } = await start();
    const other = new Authorities(store, Buffer.alloc(32, 1), clock);
    const { request } = await makeKeyAndRequest();
    await assert.rejects(other.issueClient({ kind: "machine", name: "m1" }, request), { code: "wrong_key" });
  });

  it("records nothing of an authority that has gone", async () => {
    const { store, authorities, rotate } = await start();
    await rotate("start");
    await rotate("next");
    const { request } = await makeKeyAndRequest();
    const fresh = await authorities.issueClient({ kind: "machine", name: "m1" }, request);
    await rotate("back");
    await rotate("back");
    await assert.rejects(authorities.record(store.database, fresh), { code: "locked" });
  });
});
