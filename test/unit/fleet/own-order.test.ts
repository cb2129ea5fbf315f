import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ownOrder } from "../../../agent/fleet/own-order.ts";

const addresses = ["a.example:7443", "b.example:7443", "c.example:7443"];
const machines = Array.from({ length: 1000 }, (_, n) => `machine${n}`);

/** How many machines try each address, as the one at that place of those that are left. */
function countsAt(listed: readonly string[], place: number, of: readonly string[] = machines): Map<string, number> {
  const tried = of.map((id) => ownOrder(listed, id)[place] ?? "none");
  return new Map([...Map.groupBy(tried, (address) => address)].map(([address, { length }]) => [address, length]));
}

function assertEven(counts: ReadonlyMap<string, number>, over: number, total: number): void {
  assert.equal(counts.size, over, JSON.stringify([...counts]));
  for (const [address, count] of counts) {
    // five standard deviations of a fair draw
    const off = 5 * Math.sqrt((total / over) * (1 - 1 / over));
    assert.ok(Math.abs(count - total / over) < off, `${address}: ${count} of ${total}`);
  }
}

describe("the order in which a machine tries addresses", () => {
  it("is always the same for one machine, however they are listed", () => {
    const order = ownOrder(addresses, "m1");
    assert.deepEqual(ownOrder(addresses.toReversed(), "m1"), order);
    assert.deepEqual(ownOrder([...addresses, ...addresses], "m1"), order);
    assert.deepEqual(order.toSorted(), addresses);
    assert.deepEqual(ownOrder([], "m1"), []);
  });

  it("spreads a thousand machines evenly, at each place of it", () => {
    for (const place of [0, 1, 2]) assertEven(countsAt(addresses, place), 3, 1000);
  });

  it("spreads those of a controller that is away evenly over all others", () => {
    const theirs = machines.filter((id) => ownOrder(addresses, id)[0] === addresses[1]);
    assertEven(countsAt(addresses, 1, theirs), 2, theirs.length);
  });

  it("leaves most machines where they are when there is one more", () => {
    const more = [...addresses, "d.example:7443"];
    const moved = machines.filter((id) => ownOrder(more, id)[0] !== ownOrder(addresses, id)[0]);
    assert.ok(moved.every((id) => ownOrder(more, id)[0] === "d.example:7443"));
    assert.ok(moved.length > 200 && moved.length < 300, `${moved.length}`);
  });
});
