import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setupRequestSchema } from "../../../../common/setup-request.ts";
import type { Found } from "../../../../helper/setup/observe/found.ts";
import { placeOf } from "../../../../helper/setup/place.ts";
import { planRemoval } from "../../../../helper/setup/plan/removal.ts";
import { planSetup } from "../../../../helper/setup/plan/setup.ts";
import { after, deeds, publicKey, sampleFound, textFile } from "./found.ts";

const configPath = "/etc/luksmith/helper.yaml";

function setUp(found: Found, machine: string, uid: number): Found {
  const request = setupRequestSchema.parse({ machine, path: "images", publicKey });
  // each sees its own user, and the other's as somebody's
  const seen = { ...found, user: undefined };
  return after(seen, planSetup(seen, request, placeOf(request, undefined)), uid);
}

describe("the plan of a removal", () => {
  it("takes the key first, and everything in the end", () => {
    const found = setUp(sampleFound(), "lm-one", 1001);
    const { steps } = planRemoval(found, { machine: "lm-one", purge: false });
    assert.equal(deeds({ steps, notes: [] })[0], "remove /etc/ssh/luksmith/lm-one");
    const left = after(found, { steps, notes: [] });
    assert.deepEqual(left.manifest.made, []);
    assert.deepEqual([...left.files.keys()], []);
    assert.equal(left.user, undefined);
  });

  it("leaves what another machine needs", () => {
    const one = setUp(sampleFound(), "lm-one", 1001);
    const both = setUp(one, "lm-two", 1002);
    const plan = planRemoval({ ...both, user: one.user }, { machine: "lm-one", purge: true });
    const deed = deeds(plan);
    assert.ok(!deed.some((what) => /usr\/local|lm-two|dpkg/.test(what)), deed.join("\n"));
    assert.ok(deed.includes(`file ${configPath}`));
    assert.match(plan.notes.join("\n"), /the helper stays for lm-two/);
    const left = after({ ...both, user: one.user }, plan);
    assert.doesNotMatch(left.files.get(configPath)?.text ?? "", /lm-one/);
    // and the second one's removal is the last
    const last = planRemoval(
      { ...left, user: { uid: 1002, gid: 1002, home: "/", shell: "/bin/sh" } },
      { machine: "lm-two", purge: false },
    );
    assert.ok(deeds(last).includes(`remove ${configPath}`), deeds(last).join("\n"));
  });

  it("puts back what was there, and leaves what somebody has altered since", () => {
    const sudoers = "/etc/sudoers.d/luksmith-lm-one";
    const before = setUp(sampleFound({ files: new Map([[sudoers, textFile("# mine\n", 0o440)]]) }), "lm-one", 1001);
    const back = planRemoval(before, { machine: "lm-one", purge: false }).steps.find(
      ({ action }) => action.kind === "file" && action.path === sudoers,
    );
    assert.ok(back?.action.kind === "file" && back.action.content === "# mine\n" && back.action.mode === 0o440);

    const altered = new Map(before.files).set(
      "/usr/local/sbin/luksmith-helper",
      textFile("#!/bin/sh\n# mine\n", 0o755),
    );
    const plan = planRemoval({ ...before, files: altered }, { machine: "lm-one", purge: false });
    assert.ok(!deeds(plan).includes("remove /usr/local/sbin/luksmith-helper"));
    assert.match(
      plan.notes.join("\n"),
      /stays, for it is not as setup has left it: \/usr\/local\/sbin\/luksmith-helper/,
    );
  });

  it("never removes what is in a machine's directory, and closes it", () => {
    const found = setUp(sampleFound(), "lm-one", 1001);
    const images = "/srv/luksmith/lm-one/images";
    const directories = new Map(found.directories)
      .set(images, { mode: 0o700, uid: 1001, names: ["home.luks"] })
      .set("/srv/luksmith/lm-one", { mode: 0o700, uid: 1001, names: ["images"] })
      .set("/srv/luksmith", { mode: 0o755, uid: 0, names: ["lm-one"] });
    const plan = planRemoval({ ...found, directories }, { machine: "lm-one", purge: true });
    const deed = deeds(plan);
    assert.ok(!deed.some((what) => what.startsWith("remove-directory /srv")), deed.join("\n"));
    assert.ok(deed.includes("own /srv/luksmith/lm-one"));
    const closing = plan.steps.find(({ leaves }) => leaves !== undefined);
    assert.deepEqual(closing?.leaves, { machine: "lm-one", uid: 1001, directory: "/srv/luksmith/lm-one" });
  });

  it("gives a machine that comes back its files, and takes them again", () => {
    const directory = "/srv/luksmith/lm-one";
    const full = { mode: 0o700, uid: 1001, names: ["home.luks"] };
    const closed = sampleFound({
      directories: new Map(sampleFound().directories)
        .set("/srv/luksmith", { mode: 0o755, uid: 0, names: ["lm-one"] })
        .set(directory, { mode: 0o700, uid: 0, names: ["images"] })
        .set(`${directory}/images`, full),
      manifest: { version: 1, made: [], left: [{ machine: "lm-one", uid: 1001, directory }] },
    });
    const back = setUp(closed, "lm-one", 1001);
    assert.equal(back.directories.get(directory)?.uid, 1001);
    assert.ok(
      deeds(planRemoval(back, { machine: "lm-one", purge: false })).includes(`own ${directory}`),
      "closed again",
    );
    // the number is somebody else's by now
    assert.throws(() => setUp({ ...closed, uids: new Set([0, 1001]) }, "lm-one", 1002), {
      code: "refused",
      message: /1001/,
    });
  });

  it("gives a directory back that was there before, with the mode that it had", () => {
    const directory = "/srv/luksmith/lm-one";
    const found = sampleFound({
      directories: new Map(sampleFound().directories)
        .set("/srv/luksmith", { mode: 0o755, uid: 0, names: ["lm-one"] })
        .set(directory, { mode: 0o755, uid: 0, names: [] }),
    });
    const plan = planRemoval(setUp(found, "lm-one", 1001), { machine: "lm-one", purge: false });
    const given = plan.steps.find(({ action }) => action.kind === "own");
    assert.deepEqual(given?.action, { kind: "own", path: directory, mode: 0o755, owner: "root" });
    assert.equal(given?.leaves, undefined);
  });

  const places: [name: string, names: string[], goes: boolean][] = [
    ["with the helper's lock alone in it goes", [".lock"], true],
    ["with a machine's in it stays", [".lock", "lm-one"], false],
  ];
  for (const [name, names, goes] of places) {
    it(`a directory of checkpoints ${name}`, () => {
      const found = sampleFound();
      const request = setupRequestSchema.parse({ machine: "lm-one", publicKey, checkpoints: "/srv/checkpoints" });
      const done = after(found, planSetup(found, request, placeOf(request, undefined)));
      const directories = new Map(done.directories).set("/srv/checkpoints", { mode: 0o700, uid: 0, names });
      const plan = planRemoval({ ...done, directories }, { machine: "lm-one", purge: false });
      const deed = deeds(plan);
      assert.equal(deed.includes("remove /srv/checkpoints/.lock"), goes);
      assert.equal(deed.includes("remove-directory /srv/checkpoints"), goes);
      assert.equal(
        plan.notes.some((note) => note.includes("/srv/checkpoints")),
        !goes,
      );
    });
  }

  it("touches what is in a machine's directory with that machine's rights alone", () => {
    const found = setUp(sampleFound(), "lm-one", 1001);
    const { steps } = planRemoval(found, { machine: "lm-one", purge: false });
    const inside = steps.filter(({ action }) => JSON.stringify(action).includes("/srv/luksmith/lm-one/"));
    assert.equal(inside.length, 1);
    for (const { action } of inside)
      assert.ok(action.kind === "command" && action.asUser === "lm-one" && action.mayFail);
  });

  it("keeps Debian's packages unless it is told otherwise", () => {
    const found = setUp(sampleFound({ packages: new Set() }), "lm-one", 1001);
    const plain = planRemoval(found, { machine: "lm-one", purge: false });
    assert.ok(!deeds(plain).some((what) => what.startsWith("dpkg")));
    assert.match(plain.notes.join("\n"), /nbd-server.*\(--purge removes them\)|--purge/);
    const purged = deeds(planRemoval(found, { machine: "lm-one", purge: true }));
    assert.ok(purged.indexOf("dpkg --purge") < purged.indexOf("systemctl unmask") && purged.includes("dpkg --purge"));
    // what was installed before is not in the list
    const there = planRemoval(setUp(sampleFound(), "lm-one", 1001), { machine: "lm-one", purge: true });
    assert.ok(!deeds(there).includes("dpkg --purge"));
  });

  it("is refused for a machine that it knows nothing of, and one that is connected", () => {
    assert.throws(() => planRemoval(sampleFound(), { machine: "lm-one", purge: false }), { code: "not_found" });
    const busy = { ...setUp(sampleFound(), "lm-one", 1001), busy: 2 };
    assert.throws(() => planRemoval(busy, { machine: "lm-one", purge: false }), { code: "locked" });
  });
});
