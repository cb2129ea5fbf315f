import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { accessFault } from "../../../common/access-fault.ts";
import { mend } from "../../../controller/own-files.ts";

const root = { uid: 0, name: "root" };
const us = { uid: 990, name: "luksmith-controller" };
const other = { uid: 1000, name: "alice" };
const stateDir = "/srv/fleet";
const inIt = `${stateDir}/controller.db`;

describe("what is in the controller's way", () => {
  for (const [what, found, command] of [
    [
      "root's file is given to us with the directory and what is ours in it",
      { path: inIt, owner: root },
      "as root: chown -h luksmith-controller /srv/fleet /srv/fleet/controller.*",
    ],
    ["our own is opened to ourselves", { path: inIt, owner: us }, "as root: chmod u+rwX /srv/fleet/controller.db"],
    [
      "another user's is best used by that user",
      { path: stateDir, owner: other },
      "runuser --user alice -- luksmith-controller ...; or, if it is to be luksmith-controller's from now on, as root: chown -h luksmith-controller /srv/fleet /srv/fleet/controller.*",
    ],
    [
      "that of somebody whom our user namespace has not is given to us",
      { path: inIt, owner: { uid: 65534, name: "nobody" } },
      "as root: chown -h luksmith-controller /srv/fleet /srv/fleet/controller.*",
    ],
    [
      "a directory above is neither opened nor given away",
      { path: "/srv", owner: root, isPassed: true },
      "what is below /srv has to be where luksmith-controller may come",
    ],
    [
      "a file elsewhere is given to us alone, or the link that it is",
      { path: "/srv/fleet of us.db", owner: root },
      "as root: chown -h luksmith-controller '/srv/fleet of us.db'",
    ],
  ] as const) {
    it(what, () => {
      assert.equal(mend({ isPassed: false, ...found }, stateDir, us), command);
    });
  }

  it("is said with whose it is and as whom we run, as far as that is known", () => {
    const said = (owner: { uid: number; name: string | undefined }, as = us) =>
      accessFault({ path: inIt, owner }, as, "x").message;
    assert.equal(
      said(root),
      "this runs as luksmith-controller, who may not use /srv/fleet/controller.db; it belongs to root",
    );
    assert.equal(said(us), "this runs as luksmith-controller, who may not use /srv/fleet/controller.db");
    assert.match(said({ uid: 4321, name: undefined }), /belongs to uid 4321$/);
    // as the service sees it, from its user namespace
    assert.match(said({ uid: 65534, name: "nobody" }), /belongs to another user$/);
  });
});
