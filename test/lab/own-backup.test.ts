/** Backups of a user's own: of sources that the user names, read with that user's rights, whoever starts the run. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { appendFile, chmod, chown, link, mkdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { FileEntry_Type, RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { hangingFilesystem } from "./harness/hanging-filesystem.ts";
import { cheapKdf, cli } from "./harness/lab-agent.ts";
import { assertDone, Scene } from "./harness/scene.ts";
import { until } from "./harness/until.ts";

const run = promisify(execFile);
const source = "/srv/own";
const data = join(source, "data");
const slow = join(source, "slow");
const alice = { uid: 4001, gid: 4001 };
const bob = { uid: 4002, gid: 4002 };
const oddName = "-o\n#.luksmith";

async function makePeople(): Promise<void> {
  await run("groupadd", ["--force", "--system", "luksmith"]);
  for (const [name, { uid }] of Object.entries({ alice, bob })) {
    await run("useradd", ["--uid", `${uid}`, "--user-group", "--create-home", name]).catch(() => undefined);
    await run("usermod", ["--append", "--groups", "luksmith", name]);
  }
  await mkdir(join(data, "closed"), { recursive: true });
  await mkdir(join(data, "read-only"));
  await mkdir(slow);
  await writeFile("/root/secret", "root's secret\n", { mode: 0o600 });
  const file = async (name: string, owner: { uid: number; gid: number }, mode: number) => {
    const path = join(data, name);
    await writeFile(path, `${name}\n`);
    await chown(path, owner.uid, owner.gid);
    await chmod(path, mode);
  };
  const root = { uid: 0, gid: 0 };
  await file("notes", alice, 0o600);
  await file(oddName, alice, 0o644);
  await file("read-only/fixed", alice, 0o444);
  await file("closed/hidden", alice, 0o644);
  await file("secret", root, 0o600);
  await file("program", root, 0o4755);
  await file("capable", root, 0o755);
  await file("lent", { uid: 0, gid: alice.gid }, 0o040);
  await file("bobs", bob, 0o644);
  await link(join(data, "bobs"), join(data, "borrowed"));
  await run("setcap", ["cap_net_raw+ep", join(data, "capable")]);
  await symlink("/root/secret", join(data, "way-out"));
  await symlink("/etc", join(source, "elsewhere"));
  await chmod(join(data, "closed"), 0o700);
  await writeFile(join(slow, "small"), "small\n");
  for (const directory of [source, data, join(data, "read-only"), slow]) await chown(directory, alice.uid, alice.gid);
  await chmod(join(data, "read-only"), 0o555);
}

/** What a program does that has been made to work for somebody else, in the place of rsync: all that it could. */
const hostile = `#!/bin/bash
[ "$EUID" = 0 ] && exec /usr/bin/rsync "$@"
try() { if "$@" 2>>/tmp/forged.errors; then echo "$*" >>/tmp/forged; fi; }
case "$*" in *--dry-run*) exit 0;; esac
mkdir -p srv/own/data
echo forged >srv/own/data/forged
try chown 0:0 srv/own/data/forged
try setcap cap_setuid+ep srv/own/data/forged
try mknod srv/own/data/disk b 8 0
try touch ../0/srv/own/data/notes
try chmod 0777 ../0/srv/own/data/notes
try ln ../0/srv/own/data/notes srv/own/data/linked
try cp /root/secret srv/own/data/stolen
try ls ../..
try ls /run/luksmith/volumes/home/files
cp /bin/true srv/own/data/run-as-me && chmod 4755 srv/own/data/run-as-me
setsid sleep 98765 </dev/null >/dev/null 2>&1 &
echo '@.d..t...... 4096 srv/own/data/'
echo '@>f+++++++++ 7 srv/own/data/forged'
echo '@>f+++++++++ 7 srv/own/data/run-as-me'
echo '@.f          7 ../../../../../../etc/passwd'
echo '@.f          7 /etc/passwd'
echo '@.f          7 srv/own/data/notes'
`;

describe("a user's own backups", () => {
  const scene = Scene.set({
    prepare: makePeople,
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
  wide: { remote: vault, image: wide.luks, size: 256M, filesystem: btrfs, ${cheapKdf} }
jobs:
  mine: { volume: home, user: alice, sourcesBelow: [${source}] }
  hers: { volume: wide, user: alice, sources: [${data}] }
  slow: { volume: home, user: alice, sources: [${slow}] }
  docs: { volume: home, sources: [${source}] }
  gone: { volume: home, user: nobody-of-that-name, sources: [${source}] }
access:
  - { users: [alice], jobs: [mine], allow: [status, backup, snapshots, ls, restore] }
  - { users: [bob], jobs: [mine], allow: [backup] }
`,
    volumes: ["home", "wide"],
  });

  /** Of the newest snapshot, by their names in the directory. */
  const entriesOf = async (job: string) => {
    const entries = await scene.agent.files(job, data, true);
    return new Map(
      entries.map((entry) => [
        Buffer.from(entry.path)
          .toString()
          .slice(data.length - 1),
        entry,
      ]),
    );
  };

  it("take what the user names and may read, as the user's, and say what was left out", async () => {
    const made = await cli(["backup", "mine", data], { as: alice });
    assert.equal(made.exitCode, 3, made.stderr);
    for (const name of ["secret", "closed"]) assert.match(made.stderr + made.stdout, new RegExp(`${data}/${name}`));
    const found = await entriesOf("mine");
    assert.equal(found.get("/secret"), undefined);
    assert.equal(found.get("/closed/hidden"), undefined);
    for (const { uid, gid, path } of found.values()) {
      assert.deepEqual([uid, gid], [alice.uid, alice.gid], Buffer.from(path).toString());
    }
    const mode = (name: string) => (found.get(name)?.mode ?? 0) & 0o7777;
    assert.deepEqual(
      ["/notes", "/program", "/lent", "/read-only", "/borrowed", `/${oddName}`].map(mode),
      [0o600, 0o755, 0o440, 0o555, 0o644, 0o644],
    );
    assert.equal(found.get("/way-out")?.type, FileEntry_Type.SYMLINK);
  });

  it("share what is unchanged, take what was named last when nothing is, and compare with it as the user", async () => {
    await appendFile(join(data, "notes"), "more\n");
    await rm(join(data, oddName));
    const { run: second } = await scene.agent.backup("mine");
    assert.equal(second.state, RunState.INCOMPLETE, second.error?.message);
    // and the attempt to read what cannot be read
    assert.ok((second.totals?.filesCopied ?? 9) <= 2, `${second.totals?.filesCopied} files were copied`);
    const found = await entriesOf("mine");
    assert.equal(found.get(`/${oddName}`), undefined);
    assert.equal(found.get("/notes")?.size, "notes\nmore\n".length);
    const { run: verified } = await scene.agent.verify("mine");
    assert.equal(verified.state, RunState.INCOMPLETE, verified.error?.message);
    assert.equal(verified.totals?.filesDiffering, 0);
    assert.ok((verified.totals?.filesEqual ?? 0) >= 6);
    const { run: drilled } = await scene.agent.drill("mine");
    assert.equal(drilled.state, RunState.DONE, drilled.error?.message);
    assert.ok((drilled.totals?.filesEqual ?? 0) >= 6);
  });

  it("come back to the user, and to root", async () => {
    const to = "/home/alice/back";
    const restored = await cli(["restore", "mine", "--to", to], { as: alice });
    assert.equal(restored.exitCode, 0, restored.stderr);
    assert.equal(await readFile(join(to, data, "notes"), "utf8"), "notes\nmore\n");
    assertDone(await scene.agent.restore("mine", "/tmp/own-back"));
    const capable = join("/tmp/own-back", data, "capable");
    assert.equal((await stat(capable)).uid, alice.uid);
    assert.equal((await run("getcap", [capable])).stdout, "");
    await rm("/tmp/own-back", { recursive: true });
  });

  it("are the user's and root's to start, and of what may be named", async () => {
    const others = await cli(["backup", "mine", data], { as: bob });
    assert.equal(others.exitCode, 1);
    assert.match(others.stderr, /job "mine" is backed up by root and its user alice alone/);
    const refused = async (job: string, paths: readonly string[], message: RegExp) => {
      const sources = paths.map((path) => Buffer.from(path));
      const done = scene.agent.backup(job, { sources }).then(({ run }) => run.error?.message ?? "");
      assert.match(await done.catch((error: Error) => error.message), message, paths.join());
    };
    await refused("docs", [source], /takes the sources that the configuration names/);
    await refused("gone", [], /there is no user "nobody-of-that-name"/);
    await refused("mine", ["/etc"], /"\/etc" is not in what alice may name/);
    await refused("mine", ["srv/own"], /must be an absolute path/);
    await refused("mine", [`${source}/../../etc`], /must not contain "\.\."/);
    await refused("mine", ["/proc/self/cwd"], /is not in what alice may name/);
    await refused("mine", [`${source}-other`], /is not in what alice may name/);
    await refused("mine", Array(101).fill(data), /too many sources/);
    await refused("mine", [join(source, "missing")], /there is no ".*missing"/);
    await refused("mine", [join(data, "secret")], /alice cannot read ".*secret"/);
    await refused(
      "mine",
      [join(source, "elsewhere/passwd")],
      /which is "\/etc\/passwd", is not in what alice may name/,
    );
    const { stdout } = await cli(["audit", "--verb", "backup", "--json"]);
    assert.match(stdout.toString(), /"decision":"refused".*"user":"bob".*"sources":\["\/srv\/own\/data"\]/);
  });

  it("let nobody in while they are made, and end although the user's own file system never answers", async (context) => {
    const hanging = await hangingFilesystem(join(slow, "hanging"), alice);
    try {
      const { run: begun } = await scene.agent.startBackup("slow");
      await until(async () => hanging.isAsked(), "the user's rsync waits for an answer");
      const pid = (await run("pgrep", ["--uid", "alice", "--oldest", "rsync"])).stdout.trim();
      const place = (await run("readlink", [`/proc/${pid}/cwd`])).stdout.trim();
      assert.match(place, /^\/run\/luksmith\/views\/landing-/);
      const asAlice = ["--reuid", "alice", "--regid", "alice", "--init-groups", "--"];
      for (const attempt of [
        ["ls", place],
        ["ls", `/proc/${pid}/cwd/`],
        ["ls", `/proc/${pid}/root/`],
        ["cat", `/proc/${pid}/environ`],
        ["dd", `if=/proc/${pid}/mem`, "count=1", "of=/dev/null"],
        ["nsenter", "--target", pid, "--mount", "true"],
      ]) {
        const tried = run("setpriv", [...asAlice, ...attempt]);
        await assert.rejects(tried, /ermission denied|not permitted/, attempt.join(" "));
      }
      // on a busy machine a cancelled run's patience may end before all is written out
      await run("sync", ["--file-system", "/run/luksmith/volumes/home/files"]);
      const cancelledMs = performance.now();
      await scene.agent.cancel(begun?.id ?? "");
      const { run: ended } = await scene.agent.follow(begun?.id ?? "");
      context.diagnostic(`cancelled within ${Math.round(performance.now() - cancelledMs)} ms`);
      assert.equal(ended.state, RunState.CANCELLED, ended.error?.message);
      assert.doesNotMatch(await readFile("/proc/self/mounts", "utf8"), /luksmith\/(views|volumes)/);
    } finally {
      await hanging.end();
    }
    const { run: wentOn, events } = await scene.agent.backup("slow");
    assert.equal(wentOn.state, RunState.DONE, wentOn.error?.message);
    const notes = events.flatMap(({ kind }) => (kind?.$case === "note" ? [kind.value.message] : []));
    assert.ok(
      notes.some((note) => note.startsWith("going on with the interrupted snapshot")),
      notes.join(),
    );
    const taken = await scene.agent.files("slow", slow, true);
    assert.deepEqual(
      taken.map(({ size, type }) => [type, size]).filter(([type]) => type === FileEntry_Type.FILE),
      [[FileEntry_Type.FILE, 6]],
    );
  });

  it("give whoever takes over the user's own program nothing but the user's rights", async () => {
    const before = await scene.agent.snapshots("mine");
    await writeFile("/tmp/forged", "");
    await writeFile("/tmp/forged.errors", "");
    for (const path of ["/tmp/forged", "/tmp/forged.errors"]) await chmod(path, 0o666);
    await writeFile("/usr/local/sbin/rsync", hostile, { mode: 0o755 });
    try {
      const { run: forged } = await scene.agent.backup("mine");
      assert.equal(forged.state, RunState.DONE, forged.error?.message);
    } finally {
      await rm("/usr/local/sbin/rsync");
    }
    assert.equal(await readFile("/tmp/forged", "utf8"), "", "nothing of it was let through");
    assert.match(await readFile("/tmp/forged.errors", "utf8"), /Read-only file system/);
    await assert.rejects(run("pgrep", ["--full", "sleep 98765"]), "nobody is left who has it open");
    const found = await entriesOf("mine");
    assert.deepEqual([...found.keys()].filter((name) => name !== "").toSorted(), ["/forged", "/notes", "/run-as-me"]);
    for (const { uid, type } of found.values()) {
      assert.equal(uid, alice.uid);
      assert.ok(type === FileEntry_Type.FILE || type === FileEntry_Type.DIRECTORY);
    }
    assert.deepEqual(await scene.agent.files("mine", "/etc").catch(() => []), []);
    // what was finished before is what it was
    const { run: verified } = await scene.agent.verify("mine", { snapshot: before.at(-1)?.name ?? "" });
    assert.equal(verified.state, RunState.INCOMPLETE, verified.error?.message);
    assert.equal(verified.totals?.filesDiffering, 0);
  });

  it("are the same in a volume with btrfs", async () => {
    const first = await scene.agent.backup("hers");
    assert.equal(first.run.state, RunState.INCOMPLETE, first.run.error?.message);
    await appendFile(join(data, "notes"), "btrfs\n");
    const second = await scene.agent.backup("hers");
    assert.equal(second.run.state, RunState.INCOMPLETE, second.run.error?.message);
    const found = await entriesOf("hers");
    assert.equal(found.get("/notes")?.size, "notes\nmore\nbtrfs\n".length);
    assert.ok([...found.values()].every(({ uid }) => uid === alice.uid));
    assert.equal((found.get("/program")?.mode ?? 0) & 0o7777, 0o755);
    assert.equal(found.get("/.luksmith-aside"), undefined);
    const { run: verified } = await scene.agent.verify("hers");
    assert.equal(verified.totals?.filesDiffering, 0, verified.error?.message);
  });
});
