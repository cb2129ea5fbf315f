/** A backup host that one command sets up: what it makes, what the machine's key can do there then, and that all of it can be taken back. */

import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Finished, makeExec, mustRead } from "../../common/exec.ts";
import { cheapKdf, identityFile, LabAgent } from "./harness/lab-agent.ts";
import { assertNothingLeft } from "./harness/leak-check.ts";
import { assertDone } from "./harness/scene.ts";
import { SecondHost } from "./harness/second-host.ts";

const { exec } = makeExec();
/** Node is sent by an emulated ssh, and looked at again and again. */
const deadlineMs = 1_200_000;
const adminKey = "/root/.ssh/administrator";
const user = "lm-web01";
const own = `/srv/luksmith/${user}`;
const source = "/srv/people";

const config = `
remotes:
  vault: { host: ${SecondHost.address}, user: ${user}, path: images, identity: ${identityFile} }
  plain: { host: ${SecondHost.address}, user: ${SecondHost.user}, path: images, identity: ${identityFile} }
runs: { attempts: 1 }
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${source}] }
`;

const run = async (file: string, ...args: string[]) => (await mustRead(exec, { file, args, deadlineMs })).toString();

/** What a person types; what it says on both is in the message of an assertion that fails. */
async function luksmith(...args: string[]): Promise<Finished & { said: string }> {
  const finished = await exec({ file: process.execPath, args: [resolve("dist/luksmith.mjs"), ...args], deadlineMs });
  const said = `${finished.stdout}${finished.stderr}`;
  if (process.env.LUKSMITH_LAB_VERBOSE) process.stderr.write(said);
  return { ...finished, said };
}

const setUp = (remote: string, ...more: string[]) =>
  luksmith(
    "remote",
    "setup",
    remote,
    "--ssh-option",
    `IdentityFile=${adminKey}`,
    "--ssh-option",
    "IdentitiesOnly=yes",
    ...more,
  );

/** All that a setup could touch, but for the times. */
async function stateOfHost(): Promise<string> {
  const places = ["/etc", "/usr/local", "/srv", "/var/lib", "/var/tmp"];
  const leftOut = [
    "/etc/luksmith",
    "/var/lib/luksmith",
    "/etc/passwd-",
    "/etc/shadow-",
    "/etc/group-",
    "/etc/gshadow-",
    "/etc/subuid-",
    "/etc/subgid-",
  ];
  const skip = leftOut.flatMap((path, index) => [...(index === 0 ? [] : ["-o"]), "-path", path]);
  const files = await run("find", ...places, "-xdev", "(", ...skip, ")", "-prune", "-o", "-printf", "%p %M %U %G %l\n");
  const accounts = await Promise.all(["passwd", "shadow", "group"].map((name) => readFile(`/etc/${name}`, "utf8")));
  const yaml = await readFile("/etc/luksmith/helper.yaml", "utf8").catch(() => "");
  const tables = await exec({ file: "nft", args: ["list", "tables"], deadlineMs });
  return [...files.split("\n").toSorted(), ...accounts, yaml, tables.stdout.toString()].join("\n");
}

/** Thousands of lines, of which those count that differ. */
function assertSameState(now: string, before: string): void {
  const without = (text: string, other: string) => {
    const lines = new Set(other.split("\n"));
    return text.split("\n").filter((line) => !lines.has(line));
  };
  assert.deepEqual({ come: without(now, before), gone: without(before, now) }, { come: [], gone: [] });
}

describe("luksmith remote setup", () => {
  let host: SecondHost;
  let agent: LabAgent;
  let untouched = "";

  before(async () => {
    await LabAgent.forget();
    await mkdir(source, { recursive: true });
    await writeFile(`${source}/letter`, "dear all\n");
    host = await SecondHost.create({ identityFile, administrator: adminKey });
    agent = await LabAgent.start(config);
    await agent.trust("vault");
    await agent.trust("plain");
    untouched = await stateOfHost();
  });

  after(async () => {
    await agent[Symbol.asyncDispose]();
    await host[Symbol.asyncDispose]();
    await rm("/root/.ssh", { recursive: true });
    await assertNothingLeft();
  });

  it("shows everything first, and changes nothing", async () => {
    const shown = await setUp("vault", "--dry-run", "--trusted-wire");
    assert.equal(shown.exitCode, 0, shown.said);
    for (const words of [
      `useradd --user-group --home-dir /var/lib/luksmith-helper/home --no-create-home --shell /bin/sh --password '*' ${user}`,
      `+ restrict,command="/usr/local/lib/luksmith/helper-gate ${own}" ssh-ed25519 `,
      `+ ${user} ALL=(root) NOPASSWD: /usr/local/sbin/luksmith-helper serve`,
      "+     trustedWire: [ 10.99.0.1 ]",
      "nothing has been changed",
    ]) {
      assert.ok(shown.said.includes(words), `${words}\n${shown.said}`);
    }
    assertSameState(await stateOfHost(), untouched);
  });

  it("sets the host up, and proves it", async () => {
    const done = await setUp("vault", "--trusted-wire", "--checkpoints", "/srv/checkpoints");
    assert.equal(done.exitCode, 0, done.said);
    assert.match(done.said, /^ok +SFTP: images is there/m);
    assert.match(done.said, /^ok +helper: version /m);
    // a tmpfs has no reflinks
    assert.match(done.said, /^off +checkpoints: .*reflinks/m);
    assert.match(done.said, /^ok +direct: /m);
  });

  it("finds nothing to do the second time", async () => {
    const before = await stateOfHost();
    const again = await setUp("vault", "--trusted-wire", "--checkpoints", "/srv/checkpoints");
    assert.equal(again.exitCode, 0, again.said);
    assert.match(again.said, /^nothing is to be done$/m);
    assertSameState(await stateOfHost(), before);
  });

  it("leaves a host that backups can be made on", async () => {
    assertDone(await agent.create("home"));
    assertDone(await agent.backup("docs"));
    assertDone(await agent.verify("docs"));
  });

  const asMachine = [
    "-i",
    identityFile,
    "-o",
    "IdentitiesOnly=yes",
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "BatchMode=yes",
  ];
  const destination = `${user}@${SecondHost.address}`;
  const ssh = (options: string[], ...command: string[]) =>
    exec({ file: "ssh", args: [...asMachine, ...options, destination, ...command], stdin: "id\n", deadlineMs });

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
      const { exitCode, stdout } = await ssh([], command);
      assert.notEqual(exitCode, 0, command);
      assert.doesNotMatch(stdout.toString(), /uid=/, command);
    }
    assert.equal((await ssh(["-T"])).stdout.length, 0, "no shell");
    assert.match((await ssh(["-tt"])).stderr, /PTY allocation request failed/);
    assert.match((await ssh(["-W", "127.0.0.1:22"])).stderr, /administratively prohibited/);
    assert.match(
      (await ssh(["-o", "ExitOnForwardFailure=yes", "-R", "/tmp/x:127.0.0.1:1"])).stderr,
      /forwarding failed/,
    );
    const tunnel = await ssh(["-w", "any:any", "-o", "ExitOnForwardFailure=yes"], "id");
    assert.doesNotMatch(tunnel.stdout.toString(), /uid=/);
  });

  it("lets SFTP get at nothing else", async () => {
    const sftp = async (...lines: string[]) =>
      exec({
        file: "sftp",
        args: [...asMachine, "-b", "-", destination],
        stdin: lines.map((line) => `${line}\n`).join(""),
        deadlineMs,
      });
    await run("install", "-o", "root", "-m", "0644", "/etc/hostname", "/run/secret");
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
      const { exitCode, stdout } = await sftp(...line.split("\n"));
      assert.notEqual(exitCode, 0, `${line}: ${stdout}`);
    }
    // its own .ssh counts for nothing
    await run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/run/mine");
    const planted = await sftp(
      "mkdir .ssh",
      "put /run/mine.pub .ssh/authorized_keys",
      "put /run/mine.pub .ssh/rc",
      "put /run/mine.pub .profile",
    );
    assert.equal(planted.exitCode, 0, planted.stderr);
    const entered = await exec({
      file: "ssh",
      args: [
        "-i",
        "/run/mine",
        "-o",
        "IdentitiesOnly=yes",
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "BatchMode=yes",
        destination,
        "luksmith-helper serve",
      ],
      deadlineMs,
    });
    assert.match(entered.stderr, /Permission denied/);
    await sftp("rm .ssh/authorized_keys", "rm .ssh/rc", "rmdir .ssh", "rm .profile", "rm way");
  });

  it("says of a host that was set up by hand what is wrong with it", async () => {
    const checked = await luksmith("remote", "check", "plain", "--json");
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

  it("takes a user over that is the machine's alone, when it is told so", async () => {
    const before = await stateOfHost();
    const refused = await setUp("plain");
    assert.equal(refused.exitCode, 1, refused.said);
    assert.match(refused.said, /there is a user lm-lab on the backup host already\n.*--adopt-user/);
    assertSameState(await stateOfHost(), before);
    const adopted = await setUp("plain", "--adopt-user");
    assert.equal(adopted.exitCode, 0, adopted.said);
  });

  it("takes one machine back, leaves its images to root, and the helper to the other; it may come back", async () => {
    const removed = await setUp("vault", "--remove");
    assert.equal(removed.exitCode, 0, removed.said);
    assert.match(removed.said, new RegExp(`the machine's files stay.*${own}`));
    assert.match(removed.said, /the helper stays for lm-lab/);
    assert.match(await run("stat", "--format=%A %U", own), /^drwx------ root/);
    assert.equal((await run("ls", `${own}/images`)).trim(), "home.luks");
    assert.match((await ssh([], "luksmith-helper serve")).stderr, /Permission denied/);
    const again = await setUp("vault");
    assert.equal(again.exitCode, 0, again.said);
    assertDone(await agent.verify("docs"));
  });

  it("takes everything back with the last machine, but for images", async () => {
    await rm(`${own}/images/home.luks`);
    for (const remote of ["vault", "plain"]) {
      const removed = await setUp(remote, "--remove");
      assert.equal(removed.exitCode, 0, removed.said);
    }
    assertSameState(await stateOfHost(), untouched);
  });
});
