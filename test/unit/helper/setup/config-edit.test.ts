import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseHelperConfig } from "../../../../helper/config/helper-config.ts";
import { withMachine, withoutMachine } from "../../../../helper/setup/config-edit.ts";

const none = { directAddress: undefined, checkpoints: undefined };
const entry = { name: "lm-new", directory: "/srv/luksmith/lm-new", trustedWire: undefined };
const path = "helper.yaml";

const byHand = `# ours
machines:
  # the web server
  lm-web01:
    directory: /srv/web01   # on the large disk
    maxImageSize: 200G

  lm-mail: { directory: /srv/mail }
checkpoints:
  directory: /srv/checkpoints
  keep: { daily: 14 }       # two weeks
`;

describe("helper.yaml, edited", () => {
  it("is made where there is none", () => {
    const text = withMachine(undefined, path, entry, none);
    assert.deepEqual([...parseHelperConfig(text, path).machines.keys()], ["lm-new"]);
    assert.match(text, /^# luksmith-helper/);
  });

  it("keeps every word and comment that is there", () => {
    const text = withMachine(
      byHand,
      path,
      { ...entry, trustedWire: "192.0.2.7" },
      { directAddress: "192.0.2.1", checkpoints: undefined },
    );
    for (const line of byHand.split("\n")) assert.ok(text.includes(line.replace(/ +#.*/, "").trim()), line);
    for (const comment of byHand.match(/#.*/g) ?? []) assert.ok(text.includes(comment), comment);
    const { machines, direct } = parseHelperConfig(text, path);
    assert.equal(machines.get("lm-web01")?.maxImageBytes, 200 * 2 ** 30);
    assert.ok(machines.get("lm-new")?.trustedWires[0]?.contains("192.0.2.7"));
    assert.equal(direct?.address, "192.0.2.1");
  });

  it("is the same text when it says so already", () => {
    const text = withMachine(byHand, path, entry, none);
    assert.equal(withMachine(text, path, entry, none), text);
    assert.equal(withMachine(byHand, path, { ...entry, name: "lm-mail", directory: "/srv/mail" }, none), byHand);
    const wire = "machines: { a: { directory: /srv/a, trustedWire: [192.0.2.0/24] } }\n";
    assert.equal(withMachine(wire, path, { name: "a", directory: "/srv/a", trustedWire: "192.0.2.9" }, none), wire);
  });

  it("loses one machine, and the file goes with the last", () => {
    const text = withoutMachine(withMachine(byHand, path, entry, none), path, "lm-new") ?? "";
    assert.deepEqual(parseHelperConfig(text, path), parseHelperConfig(byHand, path));
    assert.equal(withoutMachine("machines: { a: { directory: /srv/a } }\n", path, "a"), undefined);
    assert.equal(withoutMachine(byHand, path, "lm-other"), byHand);
  });

  it("is refused where machines would get at one another, or at the checkpoints", () => {
    for (const directory of ["/srv/web01", "/srv/web01/sub", "/srv", "/srv/checkpoints", "/srv/checkpoints/x"]) {
      assert.throws(() => withMachine(byHand, path, { ...entry, directory }, none), { code: "config" }, directory);
    }
    assert.throws(() => withMachine(byHand, path, entry, { ...none, checkpoints: "/srv/others" }), {
      code: "refused",
      message: /checkpoints are in/,
    });
    assert.throws(() => withMachine("machines: [", path, entry, none), { code: "config" });
  });
});
