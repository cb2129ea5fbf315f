import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { dutiesIn, type Follower, hasFollowed, planRotation } from "../../../controller/authority/rotation.ts";

const follower = (name: string, trustsNext: boolean, issuedByNext: boolean): Follower => ({
  name,
  trustsNext,
  issuedByNext,
});
const untouched = follower("web1", false, false);
const trusting = follower("web2", true, false);
const done = follower("web3", true, true);

describe("the change of an authority", () => {
  it("goes from phase to phase, each of which asks something of everybody", () => {
    assert.deepEqual(
      [
        planRotation("none", "start", [untouched], false),
        planRotation("trust", "next", [trusting], false),
        planRotation("clients", "next", [done], false),
        planRotation("servers", "next", [done], false),
      ].map(({ to, authorities }) => [to, authorities]),
      [
        ["trust", "make next"],
        ["clients", "keep"],
        ["servers", "keep"],
        ["none", "drop old"],
      ],
    );
  });

  it("can be gone back from, up to the last step", () => {
    const back = (phase: "trust" | "clients" | "servers", followers: Follower[] = []) => {
      const { to, authorities } = planRotation(phase, "back", followers, false);
      return [to, authorities];
    };
    assert.deepEqual(back("servers", [done, untouched]), ["clients", "keep"]);
    assert.deepEqual(back("clients", [done, untouched]), ["trust", "keep"]);
    assert.deepEqual(back("trust", [untouched, trusting]), ["none", "drop next"]);
    assert.throws(() => planRotation("none", "back", [], false), { code: "usage", message: /cannot be taken back/ });
  });

  it("waits for those who would be shut out, and names them", () => {
    for (const [phase, step, behind, words] of [
      ["trust", "next", untouched, /web1: the new authority is not trusted/],
      ["trust", "back", done, /web3: the certificate is still one of the new/],
      ["clients", "next", trusting, /web2: the certificate is still one of the old/],
      ["servers", "next", trusting, /web2/],
    ] as const) {
      assert.throws(() => planRotation(phase, step, [behind], false), { code: "incomplete", message: words });
      planRotation(phase, step, [behind], true);
    }
    const many = Array.from({ length: 200 }, (_, index) => follower(`m${index}`, false, false));
    assert.throws(() => planRotation("trust", "next", many, false), {
      message: /^the step was not taken, 200 .* m9 and 190 more/,
    });
  });

  it("begins once, and has no steps but these", () => {
    for (const phase of ["trust", "clients", "servers"] as const) {
      assert.throws(() => planRotation(phase, "start", [], true), { code: "exists" });
    }
    assert.throws(() => planRotation("none", "next", [], true), { code: "usage" });
  });

  it("lets the old one issue until its turn is over", () => {
    assert.deepEqual(
      (["none", "trust", "clients", "servers"] as const).map((phase) => Object.values(dutiesIn(phase)).join(" ")),
      ["old old", "old old", "next old", "next next"],
    );
  });

  it("says of each how far it is", () => {
    assert.equal(hasFollowed("none", untouched), true);
    assert.equal(hasFollowed("trust", untouched), false);
    assert.equal(hasFollowed("trust", trusting), true);
    assert.equal(hasFollowed("clients", trusting), false);
    assert.equal(hasFollowed("servers", done), true);
  });
});
