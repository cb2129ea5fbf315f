import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseHelperConfig } from "../../../helper/config/helper-config.ts";

function faults(text: string): string[] {
  try {
    parseHelperConfig(text, "helper.yaml");
  } catch (error) {
    return String((error as Error).message).split("\n");
  }
  return [];
}

describe("the helper's configuration", () => {
  it("needs no more than a machine and its directory", () => {
    const config = parseHelperConfig("machines: { lm-web01: { directory: /srv/luksmith/web01/ } }", "helper.yaml");
    const machine = config.machines.get("lm-web01");
    assert.deepEqual(
      { ...machine },
      {
        name: "lm-web01",
        directory: "/srv/luksmith/web01",
        maxImageBytes: undefined,
        maxExports: 8,
        maxCallsPerMinute: 600,
        trustedWires: [],
      },
    );
    assert.equal(config.direct, undefined, "nothing goes in the clear that nobody has asked for");
    assert.equal(config.checkpoints, undefined);
  });

  it("takes all that it knows", () => {
    const config = parseHelperConfig(
      `machines:
  lm-web01: { directory: /srv/web01, maxImageSize: 1T, maxExports: 2, trustedWire: [192.0.2.0/24, "2001:db8::7"] }
direct: { address: 192.0.2.1, ports: 20000-20003 }
checkpoints: { directory: /srv/checkpoints, keep: { last: 1, daily: 2, weekly: 3, monthly: 4 }, minAge: 3d, every: 10m }
log: { file: /var/log/helper.log, level: debug }
`,
      "helper.yaml",
    );
    const wires = config.machines.get("lm-web01")?.trustedWires ?? [];
    const trusts = (address: string) => wires.some((wire) => wire.contains(address));
    for (const address of ["192.0.2.0", "192.0.2.255", "2001:db8::7"]) assert.ok(trusts(address), address);
    for (const address of ["192.0.3.0", "2001:db8::8", "::ffff:192.0.3.1", "", "web01", "192.0.2"]) {
      assert.ok(!trusts(address), address);
    }
    assert.deepEqual(config.direct, { address: "192.0.2.1", ports: { first: 20_000, last: 20_003 } });
    assert.deepEqual(config.checkpoints, {
      directory: "/srv/checkpoints",
      keep: { last: 1, daily: 2, weekly: 3, monthly: 4, minAgeMs: 3 * 86_400_000 },
      everyMs: 600_000,
    });
  });

  it("says every fault at once, with its place", () => {
    const said = faults(`machines:
  -root: { directory: srv }
  lm-web02: { directory: /srv/a b, trustedWire: [192.0.2.0/33], maxExport: 3 }
direct: { address: vault.example.net, ports: 22-30 }
checkpoints: { keep: {} }
`);
    const places = [/2:3: machines\.-root/, /2:\d+: machines\.-root\.directory/, /3:\d+: .*directory/, /trustedWire/];
    for (const place of [
      ...places,
      /did you mean "maxExports"/,
      /direct\.address/,
      /direct\.ports/,
      /checkpoints\.directory/,
    ]) {
      assert.ok(
        said.some((line) => place.test(line)),
        `${place} in\n${said.join("\n")}`,
      );
    }
  });
});
