import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { certificatesIn, fingerprintOf } from "../../../common/fleet/certificate.ts";
import type { AuthorityState } from "../../../controller/authority/authorities.ts";
import { makeAuthority } from "../../../controller/authority/issue.ts";
import { trustOrders } from "../../../controller/authority/trust-order.ts";

const [first, second] = ["a.example:7443", "b.example:7443"] as const;

describe("what a machine is told of addresses", () => {
  let state: Pick<AuthorityState, "trusted" | "issuesClients">;
  let fingerprint: string;

  before(async () => {
    const { certificate } = await makeAuthority(new Date());
    [fingerprint = ""] = certificatesIn(certificate).map(fingerprintOf);
    state = { trusted: certificate, issuesClients: { fingerprint } as AuthorityState["issuesClients"] };
  });

  const orderFor = (wanted: readonly string[], has: readonly string[], authorities = [fingerprint]) =>
    trustOrders({ state, addresses: wanted, revokedControllers: [] })({
      ...{ authorities, issuer: fingerprint, revokedControllers: [], addresses: [...has] },
    });

  it("is all of them, whenever it has others, and nothing else", () => {
    const told = { authorities: "", addresses: [first, second], renew: false, revokedControllers: undefined };
    for (const has of [[], [first], [second, "c.example:7443"], [first, second, "c.example:7443"]]) {
      assert.deepEqual(orderFor([first, second], has), told, has.join());
    }
  });

  it("is nothing when it has those, in whatever order, also beside something else", () => {
    assert.equal(orderFor([first, second], [second, first]), undefined);
    assert.deepEqual(orderFor([first, second], [second, first], [])?.addresses, []);
  });

  it("is nothing when there is none to tell", () => {
    assert.equal(orderFor([], [first]), undefined);
  });
});
