/** Exports over TCP: who gets to them and who does not, whatever becomes of the firewall, of the helper, and of its ports. */

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { ExportMode } from "../../../proto/gen/luksmith/v1/helper.ts";
import { askHelper, type LabHelper } from "../../lab/harness/lab-helper.ts";
import { until } from "../../lab/harness/until.ts";
import { HelperScene, image, lookRequest, openRequest, withMounts } from "./helper-scene.ts";
import { canHaveNetworks, greeting, intrude, startGreeter, type ThreeHosts, threeHosts } from "./three-hosts.ts";

const direct = { ...lookRequest, mode: ExportMode.DIRECT };
const first = 10_810;

class DirectScene extends HelperScene {
  readonly hosts: ThreeHosts;

  private constructor(context: TestContext, hosts: ThreeHosts) {
    const { vault, machine } = hosts;
    super(context, {
      machine: "trustedWire: [10.98.0.0/24]",
      config: `direct: { address: ${vault.address}, ports: ${first}-${first + 2} }`,
      caller: { address: machine.address, within: vault.within },
    });
    this.hosts = hosts;
    this.writeImage();
  }

  static async set(context: TestContext): Promise<DirectScene> {
    const scene = new DirectScene(context, await threeHosts(context));
    await scene.apply();
    return scene;
  }

  async apply(): Promise<void> {
    const { configPath } = this.caller;
    const applied = await askHelper({ configPath, within: this.hosts.vault.within }, ["firewall", "apply"]);
    assert.equal(applied.exitCode, 0, applied.stderr);
  }

  nft(...args: string[]): Promise<string> {
    return this.hosts.vault.run("nft", ...args);
  }

  taken(): Promise<string> {
    return this.nft("list", "set", "inet", "luksmith_helper", "taken");
  }

  greeted(who: "machine" | "stranger", port: number): Promise<string | undefined> {
    return greeting(this.hosts[who], this.hosts.vault, port);
  }

  /** The helper has closed what it had, by itself. */
  async closedBy(helper: LabHelper, why: RegExp): Promise<void> {
    const closed = () => this.log().find(({ msg }) => msg === "export closed");
    await until(async () => closed() !== undefined, "the export is closed");
    assert.deepEqual([this.servers(), this.exports()], [[], []], "what is said to be closed has gone");
    assert.match(String(closed()?.why), why);
    assert.equal((await helper.call("statImage", { image })).exported, false);
  }
}

// most of it is waiting for what lasts for some seconds
describe("an export over TCP", { ...canHaveNetworks, concurrency: 4 }, () => {
  it("is reached from the machine, and from nowhere else before, during, after, and while it is renewed", async (t) => {
    const scene = await DirectScene.set(t);
    const { vault, stranger } = scene.hosts;
    const stopBefore = await startGreeter(t, vault, first);
    assert.equal(await scene.greeted("machine", first), undefined, "before, nobody is let in");
    assert.equal(await scene.greeted("stranger", first), undefined);
    await stopBefore();
    await startGreeter(t, vault, 10_900);
    assert.equal(await scene.greeted("stranger", 10_900), "GREETING", "it is the firewall that keeps strangers out");

    const stopIntruding = intrude(stranger, vault, [first, first, first + 1]);
    await using helper = await scene.start();
    const { port } = await helper.call("openExport", direct);
    assert.equal(port, first);
    // through more than one renewal: what they renew lasts for 20 s
    const begun = Date.now();
    await until(async () => Date.now() - begun > 25_000, "it was renewed");
    assert.match((await scene.greeted("machine", port)) ?? "", /^NBDMAGIC/);
    await scene.closedBy(helper, /its server has ended/);
    const { told, tries } = await stopIntruding();
    assert.deepEqual(told, []);
    assert.ok(tries > 30, `${tries} tries`);

    await startGreeter(t, vault, first);
    assert.equal(await scene.greeted("machine", first), undefined, "after, nobody is let in");
    assert.equal(await scene.greeted("stranger", first), undefined);
    assert.doesNotMatch(await scene.taken(), new RegExp(`${first}`));
  });

  it("is refused where the table is missing, edited, or cannot be looked at", async (t) => {
    const scene = await DirectScene.set(t);
    await using helper = await scene.start();
    await scene.nft("insert rule inet luksmith_helper input tcp dport 10810 accept");
    await assert.rejects(helper.call("openExport", direct), { code: "refused" });
    await scene.apply();
    await helper.call("closeExport", { export: (await helper.call("openExport", direct)).export });
    await scene.nft("delete table inet luksmith_helper");
    await assert.rejects(helper.call("openExport", direct), { code: "refused" });
    await scene.apply();
    const blindness = [
      "mount --bind /bin/false /usr/sbin/nft",
      "mount --bind /bin/true /usr/sbin/nft",
      // there is none
      "mount -t tmpfs tmpfs /usr/sbin",
    ];
    for (const script of blindness) {
      const within = [...scene.hosts.vault.within, ...withMounts(script)];
      await using blind = await scene.start({ within });
      await assert.rejects(blind.call("openExport", direct), { code: "refused" });
      const can = await blind.call("probe", { version: "0.1.0", triesStorage: true });
      assert.equal(can.allowsDirect, false);
      assert.match(can.noDirectReason, /^the firewall's table luksmith_helper on the backup host /);
    }
    await scene.assertNothingLeft();
  });

  for (const edit of ["delete table inet luksmith_helper", "insert rule inet luksmith_helper input accept"]) {
    it(`is closed when the firewall is changed under it: ${edit}`, async (t) => {
      const scene = await DirectScene.set(t);
      await using helper = await scene.start();
      await helper.call("openExport", openRequest({ mode: ExportMode.DIRECT }));
      await scene.nft(edit);
      await scene.closedBy(helper, /the firewall's table .* (is not what it was made as|is not there)/);
      await scene.assertNothingLeft();
    });
  }

  it("stays shut to strangers when the ports are changed while it is open, and is closed then", async (t) => {
    const scene = await DirectScene.set(t);
    await using helper = await scene.start();
    const { port } = await helper.call("openExport", direct);
    const stopIntruding = intrude(scene.hosts.stranger, scene.hosts.vault, [port, port]);
    const { configPath } = scene.caller;
    writeFileSync(configPath, readFileSync(configPath, "utf8").replace("10810-10812", "20810-20812"));
    await scene.apply();
    assert.match(await scene.taken(), new RegExp(`${port}`));
    await scene.closedBy(helper, /firewall/);
    assert.deepEqual((await stopIntruding()).told, []);
  });

  it("takes the next port when another service has one, on whichever address", async (t) => {
    const scene = await DirectScene.set(t);
    await startGreeter(t, scene.hosts.vault, first);
    await using helper = await scene.start();
    assert.equal((await helper.call("openExport", direct)).port, first + 1);
  });

  it("has its port for as long as its server lives, even if nobody renews it", async (t) => {
    const scene = await DirectScene.set(t);
    scene.writeImage("images/other.luks");
    await using still = await scene.start();
    const { port } = await still.call("openExport", direct);
    process.kill(still.pid, "SIGSTOP");
    await until(async () => !(await scene.taken()).includes(`${port}`), "its place in the firewall is gone");
    await using next = await scene.start();
    const other = await next.call("openExport", { ...direct, image: "images/other.luks" });
    assert.equal(other.port, port + 1);
    assert.equal(await scene.greeted("machine", port), undefined, "nobody is let in to the first");
    process.kill(still.pid, "SIGCONT");
    await until(async () => scene.exports().length === 1, "the first is closed");
    assert.match((await scene.greeted("machine", other.port)) ?? "", /^NBDMAGIC/);
  });

  it("leaves its port to nobody while a client of a helper that was killed may still be let in", async (t) => {
    const scene = await DirectScene.set(t);
    const killed = await scene.start();
    const { port } = await killed.call("openExport", direct);
    await killed.kill();
    const killedMs = performance.now();
    await until(async () => scene.servers().length === 0, "its server died with it");
    await using next = await scene.start();
    assert.equal((await next.call("openExport", direct)).port, port + 1);
    await until(async () => !(await scene.taken()).includes(`${port} `), "it is forgotten");
    // twenty seconds by the kernel's own clock, which is the last line, and some for a busy machine to ask
    assert.ok(performance.now() - killedMs < 40_000, "within seconds");
  });

  it("is not tried on port after port when its server does not start", async (t) => {
    const scene = await DirectScene.set(t);
    const fake = `${scene.path}/fake-nbd-server`;
    const counted = `${scene.path}/counted`;
    const script = `#!/bin/sh
[ "$1" = -V ] && { echo "This is nbd-server version 3.24"; exit 0; }
echo x >> ${counted}; echo "Error: the moon is full" >&2; exit 1
`;
    writeFileSync(fake, script, { mode: 0o755 });
    writeFileSync(counted, "", { mode: 0o666 });
    const within = [
      ...scene.hosts.vault.within,
      ...withMounts(`chmod 666 ${counted}; mount --bind ${fake} /usr/bin/nbd-server`),
    ];
    await using helper = await scene.start({ within });
    await assert.rejects(helper.call("openExport", direct), { code: "tool_failed", message: /the moon is full/ });
    assert.equal(readFileSync(counted, "utf8"), "x\n");
    assert.doesNotMatch(await scene.taken(), /10810/);
  });

  it("goes over no wire that is not trusted, nor to an address that no rule can name", async (t) => {
    const scene = await DirectScene.set(t);
    for (const address of ["192.0.2.7", "fe80::1%eth0", "2001:db8::7", "garbage", ""]) {
      await using helper = await scene.start({ address });
      await assert.rejects(helper.call("openExport", direct), { code: "refused" }, address);
      const can = await helper.call("probe", { version: "0.1.0", triesStorage: false });
      assert.ok(!can.allowsDirect && can.noDirectReason !== "", address);
    }
    // the same machine, seen by an sshd that listens on IPv6 alone
    await using mapped = await scene.start({ address: "::ffff:10.98.0.2" });
    const { port } = await mapped.call("openExport", direct);
    assert.match((await scene.greeted("machine", port)) ?? "", /^NBDMAGIC/);
  });
});
