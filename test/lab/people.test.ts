/** The command line as people type it, root and others, from the doctor's first report to the restored file. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { cheapKdf, cli, identityFile, LabAgent, remoteLine } from "./harness/lab-agent.ts";
import { assertNothingLeft } from "./harness/leak-check.ts";
import { SecondHost } from "./harness/second-host.ts";

const run = promisify(execFile);
const source = "/srv/people";
const alice = { uid: 4001, gid: 4001 };
const bob = { uid: 4002, gid: 4002 };

describe("people", () => {
  let host: SecondHost;
  let agent: LabAgent;

  before(async () => {
    await LabAgent.forget();
    host = await SecondHost.create({ identityFile });
    await run("groupadd", ["--force", "--system", "luksmith"]);
    for (const [name, { uid }] of Object.entries({ alice, bob })) {
      await run("useradd", ["--uid", `${uid}`, "--user-group", "--create-home", name]).catch(() => undefined);
    }
    await run("usermod", ["--append", "--groups", "luksmith", "alice"]);
    await mkdir(join(source, "alice"), { recursive: true });
    await writeFile(join(source, "alice", "notes"), "alice's notes\n", { mode: 0o600 });
    await writeFile(join(source, "secret"), "root's secret\n", { mode: 0o600 });
    await writeFile(join(source, "-dash"), "begins with a dash\n");
    await run("chown", ["-R", "alice:alice", join(source, "alice")]);
    agent = await LabAgent.start(`
${remoteLine(host)}
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${source}] }
  private: { volume: home, sources: [${source}] }
access:
  - { users: [alice], jobs: [docs], allow: [status, snapshots, ls, restore] }
`);
  });
  afterEach(() => assertNothingLeft());
  after(async () => {
    await agent[Symbol.asyncDispose]();
    await host[Symbol.asyncDispose]();
    await assertNothingLeft();
  });

  it("are told by the doctor what to do, and do it", async () => {
    const first = await cli(["doctor"]);
    assert.notEqual(first.exitCode, 0);
    assert.match(first.stdout.toString(), /luksmith remote trust vault/);
    const wrong = await cli([
      "remote",
      "trust",
      "vault",
      "--fingerprint",
      "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ]);
    assert.equal(wrong.exitCode, 13);
    assert.ok(wrong.stderr.includes(await host.hostKeyFingerprint()), wrong.stderr);
    const trusted = await cli(["remote", "trust", "vault", "--fingerprint", await host.hostKeyFingerprint()]);
    assert.equal(trusted.exitCode, 0, trusted.stderr);
    const early = await cli(["backup", "docs"]);
    assert.equal(early.exitCode, 10);
    assert.match(early.stderr, /hint: luksmith volume create home/);
    const created = await cli(["volume", "create", "home", "--json"]);
    assert.equal(created.exitCode, 0, created.stderr);
    const passphrase = /([0-9a-z]{5}-){5}[0-9a-z]{5}/;
    assert.match(created.stdout.toString(), passphrase);
    const log = await cli(["log", "last"]);
    assert.doesNotMatch(log.stdout.toString(), passphrase);
    const last = await cli(["doctor"]);
    assert.equal(last.exitCode, 0, last.stdout.toString());
  });

  it("back up, look, restore", async () => {
    const backup = await cli(["backup", "docs"]);
    assert.equal(backup.exitCode, 0, backup.stderr);
    assert.match(backup.stderr + backup.stdout, /copy/);
    const json = (await cli(["snapshots", "docs", "--json"])).stdout
      .toString()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.equal(json.filter(({ type }) => type === "snapshot").length, 1);
    const listed = await cli(["ls", "docs", source]);
    assert.match(listed.stdout.toString(), /-dash/);
    const restored = await cli(["restore", "docs@latest", "--to", "/tmp/restored", "--", join(source, "-dash")]);
    assert.equal(restored.exitCode, 0, restored.stderr);
    assert.equal(await readFile(join("/tmp/restored", source, "-dash"), "utf8"), "begins with a dash\n");
    const again = await cli(["restore", "docs", "--to", "/tmp/restored", "--", join(source, "-dash")]);
    assert.equal(again.exitCode, 1);
    assert.match(again.stderr, /error: .*there already.*\nhint: .*--overwrite/);
    const verified = await cli(["verify", "docs"]);
    assert.equal(verified.exitCode, 0, verified.stderr);
  });

  it("type nonsense, and are refused at the door", async () => {
    for (const name of ["-x", "../home", "a/b", "a\nb", "a:b", "nothing"]) {
      const answer = await cli(["backup", "--", name]);
      assert.ok([2, 10].includes(answer.exitCode), `${JSON.stringify(name)}: ${answer.exitCode} ${answer.stderr}`);
      assert.match(answer.stderr, /^error: /m);
    }
    const path = await cli(["ls", "docs", "../../etc/shadow"]);
    assert.equal(path.exitCode, 2, path.stderr);
    assert.equal((await cli(["restore", "docs@2001-01-01", "--to", "/tmp/nowhere"])).exitCode, 10);
    await assert.rejects(stat("/tmp/nowhere"), /ENOENT/);
  });

  it("without rights are told why", async () => {
    const stranger = await cli(["status"], { as: bob });
    assert.equal(stranger.exitCode, 1);
    assert.match(stranger.stderr, /error: .*\nhint: .*usermod/);
    const refused = await cli(["backup", "docs"], { as: alice });
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /alice may not use backup/);
    const hidden = await cli(["ls", "private"], { as: alice });
    assert.equal(hidden.exitCode, 1);
  });

  it("with rights restore as themselves: their own files, and nobody else's", async () => {
    const to = "/home/alice/restored";
    await rm(to, { recursive: true, force: true });
    const own = await cli(["restore", "docs", "--to", to, join(source, "alice")], { as: alice });
    assert.equal(own.exitCode, 0, own.stderr);
    const notes = await stat(join(to, source, "alice", "notes"));
    assert.deepEqual([notes.uid, notes.size], [alice.uid, 14]);
    const secret = await cli(["restore", "docs", "--to", to, join(source, "secret")], { as: alice });
    assert.equal(secret.exitCode, 3, secret.stderr);
    await assert.rejects(stat(join(to, source, "secret")), /ENOENT/);
    const etc = await cli(["restore", "docs", "--to", "/etc/luksmith/alice", join(source, "alice")], { as: alice });
    assert.notEqual(etc.exitCode, 0);
    await assert.rejects(stat("/etc/luksmith/alice"), /ENOENT/);
  });
});
