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
        maxSessions: 16,
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
      maxImages: 64,
    });
  });

  it("refuses checkpoints that keep nothing, or are made all the time", () => {
    const checkpoints = (rest: string) =>
      faults(`machines: { lm-a: { directory: /srv/a } }\ncheckpoints: { directory: /srv/checkpoints, ${rest} }\n`);
    assert.deepEqual(checkpoints("every: 1s"), []);
    assert.match(checkpoints("keep: { last: 0, daily: 0, weekly: 0, monthly: 0 }").join(), /keep: must keep something/);
    assert.match(checkpoints("every: 0s").join(), /every: must be between/);
  });

  it("refuses directories that lie in one another", () => {
    const said = faults(`machines:
  lm-a: { directory: /srv/a }
  lm-b: { directory: /srv/a/b }
  lm-c: { directory: /srv/./a/ }
checkpoints: { directory: /srv/a/checkpoints }
log: { file: /srv/a/log }
runtimeDir: /srv
`);
    for (const place of [
      "machines.lm-b.directory",
      "machines.lm-c.directory",
      "checkpoints.directory",
      "log.file",
      "runtimeDir",
    ]) {
      assert.ok(
        said.some((line) => line.includes(`${place}: must be apart from machines.lm-a.directory`)),
        `${place} in\n${said.join("\n")}`,
      );
    }
  });

  it("refuses an address that stands for all of them", () => {
    const direct = (address: string) =>
      faults(`machines: { lm-a: { directory: /srv/a } }\ndirect: { address: "${address}" }\n`).join();
    assert.equal(direct("192.0.2.1"), "");
    for (const address of ["0.0.0.0", "::", "::ffff:192.0.2.1"]) assert.match(direct(address), /direct\.address/);
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
