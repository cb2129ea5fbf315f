/** A backup host that one command sets up: what it makes, and what the machine's key can do there then. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { assertDone } from "../harness/scene.ts";
import {
  assertSameState,
  ownDirectory,
  SetupScene,
  setupUser,
  stateOfHost,
  withEverything,
} from "../harness/setup-scene.ts";

describe("luksmith remote setup", () => {
  const scene = SetupScene.set();

  it("shows everything first, and changes nothing", async () => {
    const shown = await scene.setUpByHand(withEverything, "--dry-run");
    assert.equal(shown.exitCode, 0, shown.said);
    for (const words of [
      `useradd --user-group --home-dir /var/lib/luksmith-helper/home --no-create-home --shell /bin/sh --password '*' ${setupUser}`,
      `+ restrict,command="/usr/local/lib/luksmith/helper-gate ${ownDirectory}" ssh-ed25519 `,
      `+ ${setupUser} ALL=(root) NOPASSWD: /usr/local/sbin/luksmith-helper serve`,
      "+     trustedWire: [ 10.99.0.1 ]",
      "nothing has been changed",
    ]) {
      assert.ok(shown.said.includes(words), `${words}\n${shown.said}`);
    }
    assertSameState(await stateOfHost(), scene.untouched);
  });

  it("sets the host up, and proves it", async () => {
    const done = await scene.setUp("vault", "--trusted-wire", "--checkpoints", "/srv/checkpoints");
    assert.equal(done.exitCode, 0, done.said);
    assert.match(done.said, /^ok +SFTP: images is there/m);
    assert.match(done.said, /^ok +helper: version /m);
    // a tmpfs has no reflinks
    assert.match(done.said, /^off +checkpoints: .*reflinks/m);
    assert.match(done.said, /^ok +direct: /m);
  });

  it("finds nothing to do the second time", async () => {
    const before = await stateOfHost();
    const again = await scene.setUpByHand(withEverything);
    assert.equal(again.exitCode, 0, again.said);
    assert.match(again.said, /^nothing is to be done$/m);
    assertSameState(await stateOfHost(), before);
  });

  it("leaves a host that backups can be made on", async () => {
    assertDone(await scene.agent.create("home"));
    assertDone(await scene.agent.backup("docs"));
    assertDone(await scene.agent.verify("docs"));
  });

  it("lets the key do nothing else", async () => {
    for (const command of [
      "id",
      "sh",
      "sh -c id",
      "sudo -n id",
      "sudo -n -- /usr/local/sbin/luksmith-helper setup",
      "scp -t /tmp",
      "rsync --server . /",
      "luksmith-helper setup --dry-run",
      "luksmith-helper serve --config /tmp/mine.yaml",
    ]) {
      const { exitCode, stdout } = await scene.ssh([], command);
      assert.notEqual(exitCode, 0, command);
      assert.doesNotMatch(stdout.toString(), /uid=/, command);
    }
    assert.equal((await scene.ssh(["-T"])).stdout.length, 0, "no shell");
    assert.match((await scene.ssh(["-tt"])).stderr, /PTY allocation request failed/);
    assert.match((await scene.ssh(["-W", "127.0.0.1:22"])).stderr, /administratively prohibited/);
    assert.match(
      (await scene.ssh(["-o", "ExitOnForwardFailure=yes", "-R", "/tmp/x:127.0.0.1:1"])).stderr,
      /forwarding failed/,
    );
    const tunnel = await scene.ssh(["-w", "any:any", "-o", "ExitOnForwardFailure=yes"], "id");
    assert.notEqual(tunnel.exitCode, 0);
    assert.match(tunnel.stderr, /[Tt]unnel/);
  });

  it("lets SFTP get at nothing else", async () => {
    await scene.run("install", "-o", "root", "-m", "0644", "/etc/hostname", "/run/secret");
    for (const line of [
      "ls /",
      "ls ..",
      "ls /etc",
      "ls /srv",
      "ls /proc",
      "ls /run",
      "ls /usr/local",
      "get /run/secret /run/stolen",
      "get ../../luksmith-lab/.ssh/authorized_keys /run/stolen",
      "get /etc/ssh/luksmith/lm-web01 /run/stolen",
      "put /run/secret /etc/ssh/luksmith/lm-web01",
      "put /run/secret /run/x",
      "mkdir /tmp/x",
      "rename images ../x",
      "chmod 777 ..",
      "symlink /run/secret way\nget way /run/stolen",
      "get /proc/self/environ /run/stolen",
    ]) {
      const { exitCode, stdout } = await scene.sftp(...line.split("\n"));
      assert.notEqual(exitCode, 0, `${line}: ${stdout}`);
    }
    // its own .ssh counts for nothing
    await scene.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/run/mine");
    const planted = await scene.sftp(
      "mkdir .ssh",
      "put /run/mine.pub .ssh/authorized_keys",
      "put /run/mine.pub .ssh/rc",
      "put /run/mine.pub .profile",
    );
    assert.equal(planted.exitCode, 0, planted.stderr);
    const entered = await scene.sshWithKey("/run/mine", "luksmith-helper serve");
    assert.match(entered.stderr, /Permission denied/);
    await scene.sftp("rm .ssh/authorized_keys", "rm .ssh/rc", "rmdir .ssh", "rm .profile", "rm way");
  });

  it("says of a host that was set up by hand what is wrong with it", async () => {
    const checked = await scene.luksmith("remote", "check", "plain", "--json");
    assert.equal(checked.exitCode, 1, checked.said);
    const lines = checked.stdout
      .toString()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const wrong = lines.filter(({ level }) => level === "no").map(({ subject }) => subject);
    for (const subject of [
      "nothing outside",
      "no commands",
      "no shell",
      "no terminal",
      "no way into its network",
      "not its own keys",
    ]) {
      assert.ok(wrong.includes(subject), `${subject}\n${checked.said}`);
    }
    assert.ok(
      lines.some(({ level, subject }) => level === "off" && subject === "helper"),
      checked.said,
    );
  });
});
