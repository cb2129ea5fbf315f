import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nested } from "../../../helper/config/apart.ts";

const place = (name: string, path: string, isMachines = true) => ({ name, path, isMachines });

describe("directories", () => {
  const cases: [string, string, string, number][] = [
    ["are apart beside one another", "/srv/a", "/srv/b", 0],
    ["are apart when one's name only begins like the other's", "/srv/a", "/srv/ab", 0],
    ["are not when they are the same", "/srv/a", "/srv/a", 1],
    ["are not one in the other", "/srv/a", "/srv/a/b", 1],
    ["are not the other in the one", "/srv/a/b", "/srv/a", 1],
    ["are not anywhere below the root", "/", "/srv/a", 1],
  ];
  for (const [what, a, b, faults] of cases) {
    it(what, () => assert.equal(nested([place("a", a), place("b", b)]).length, faults));
  }

  it("of the host's own may lie in one another, and not in a machine's", () => {
    assert.equal(nested([place("log", "/srv/x/log", false), place("checkpoints", "/srv/x", false)]).length, 0);
    assert.equal(nested([place("log", "/srv/x/log", false), place("a", "/srv/x")]).length, 1);
  });
});
