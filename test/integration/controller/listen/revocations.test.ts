import assert from "node:assert/strict";
import { it } from "node:test";
import { systemClock } from "../../../../common/clock.ts";
import { makeKeyAndRequest } from "../../../../common/fleet/certificate-request.ts";
import { waitUntil } from "../../../../common/wait-until.ts";
import { Authorities } from "../../../../controller/authority/authorities.ts";
import { createToken } from "../../../../controller/enrol/create-token.ts";
import { Revocations } from "../../../../controller/listen/revocations.ts";
import { revokeCertificates } from "../../../../controller/store/certificates.ts";
import { listTokens } from "../../../../controller/store/tokens.ts";
import { ManualClock } from "../../runs/manual-clock.ts";
import { eachStore } from "../harness/each-store.ts";
import { silent, testSecret } from "../harness/fleet-scene.ts";

const dayMs = 24 * 3_600_000;
const waitMs = 10_000;

eachStore("what was revoked", (scene) => {
  const start = async () => {
    const clock = new ManualClock();
    const store = await scene.open(clock);
    const authorities = new Authorities(store, testSecret, clock);
    await authorities.begin();
    const cut: string[] = [];
    const revocations = new Revocations(store, clock, silent, ({ owner }) => cut.push(owner.name));
    revocations.follow();
    const issue = async (name: string) => {
      const { request } = await makeKeyAndRequest();
      await authorities.record(store.database, await authorities.issueClient({ kind: "machine", name }, request));
    };
    const revoke = (name: string) =>
      revokeCertificates(store.database, { kind: "machine", name }, clock.now().getTime());
    return { clock, store, cut, revocations, issue, revoke };
  };

  it("is cut once, at a notice or without one", async () => {
    const { clock, store, cut, revocations, issue, revoke } = await start();
    for (const name of ["m1", "m2", "m3"]) await issue(name);
    await revoke("m1");
    // the one who listens has to be there first, with PostgreSQL
    const told = () => {
      store.notices.tell("certificate", "m1");
      return cut.includes("m1");
    };
    assert.ok(await waitUntil(systemClock, waitMs, told));
    await revoke("m2");
    assert.ok(
      await waitUntil(systemClock, waitMs, () => {
        clock.advance(30_000);
        return cut.includes("m2");
      }),
    );
    assert.deepEqual(cut, ["m1", "m2"]);
    await revocations.close();
  });

  it("is forgotten when it has long expired, as tokens are", async () => {
    const { clock, store, revocations, issue } = await start();
    await issue("m1");
    const order = { labels: {}, ttlMs: dayMs, uses: 1, name: "", namePattern: "", createdBy: "alice" };
    await createToken(store.database, clock, order);
    const rows = async () =>
      (await listTokens(store.database)).length +
      (await store.database.selectFrom("certificates").selectAll().execute()).length;
    assert.equal(await rows(), 2);
    // whoever looks may be about to wait, for another while
    const until = (left: number) => async () => {
      clock.advance(3_600_000);
      return (await rows()) === left;
    };
    clock.advance(30 * dayMs);
    assert.ok(await waitUntil(systemClock, waitMs, until(1)), "the token");
    clock.advance(8 * dayMs);
    assert.ok(await waitUntil(systemClock, waitMs, until(0)), "the certificate");
    await revocations.close();
  });
});
