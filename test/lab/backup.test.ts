/** Backups and restores of everything that a file system can hold. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { appendFile, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { FileEntry_Type, RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { cheapKdf, identityFile, LabAgent, remoteLine } from "./harness/lab-agent.ts";
import { assertNothingLeft } from "./harness/leak-check.ts";
import { SecondHost } from "./harness/second-host.ts";
import { fingerprint, makeManyFiles, makeRichTree, oddNames } from "./harness/tree.ts";

const run = promisify(execFile);
/** A file system of its own: tmpfs knows no user xattrs on this kernel. */
const disk = "/run/luksmith-source.ext4";
const source = "/srv/source";
const rich = join(source, "rich");
const small = join(source, "small");
/** On the same disk: the overlay that is the root here knows no user xattrs either. */
const target = join(source, "target");

describe("a job", () => {
  let host: SecondHost;
  let agent: LabAgent;

  before(async () => {
    await LabAgent.forget();
    host = await SecondHost.create({ identityFile });
    await run("truncate", ["--size=400M", disk]);
    await run("mkfs.ext4", ["-q", disk]);
    await mkdir(source, { recursive: true });
    await run("mount", ["-o", "loop", disk, source]);
    await mkdir(rich);
    await makeRichTree(rich);
    await makeManyFiles(small, 250, 500);
    await mkdir(join(small, "cache"));
    await writeFile(join(small, "cache", "rubbish"), "rubbish");
    await writeFile(join(small, "x.tmp"), "rubbish");
    await writeFile(
      "/tmp/hook",
      '#!/bin/sh\necho "$0 $1 $LUKSMITH_JOB $LUKSMITH_OUTCOME" >> /tmp/hook.log\nexit ${2:-0}\n',
      { mode: 0o755 },
    );
    agent = await LabAgent.start(`
${remoteLine(host)}
volumes:
  home: { remote: vault, image: home.luks, size: 256M, ${cheapKdf} }
jobs:
  rich: { volume: home, sources: [${rich}, ${small}], exclude: ["*.tmp", "${small}/cache"] }
  hooked: { volume: home, sources: [${small}], before: [[/tmp/hook, before]], after: [[/tmp/hook, after], /tmp/hook] }
  skips: { volume: home, sources: [${small}], before: [[/tmp/hook, before, "75"]], after: [[/tmp/hook, after]] }
  breaks: { volume: home, sources: [${small}], before: [[/tmp/hook, before, "3"]], after: [[/tmp/hook, after]] }
  slow: { volume: home, sources: [${small}], bandwidthLimit: 20K }
  gone: { volume: home, sources: [/srv/nowhere] }
  partly: { volume: home, sources: [${small}/d0, /srv/nowhere] }
`);
    await agent.trust();
    const { run: created } = await agent.create("home");
    assert.equal(created.state, RunState.DONE, created.error?.message);
  });
  afterEach(() => assertNothingLeft());
  after(async () => {
    await agent[Symbol.asyncDispose]();
    await run("umount", [source]);
    await host[Symbol.asyncDispose]();
    await assertNothingLeft();
  });

  it("shows what a backup would copy, and writes nothing", async () => {
    const dry = await agent.backup("rich", { dryRun: true });
    assert.equal(dry.run.state, RunState.DONE, dry.run.error?.message);
    const items = dry.events.flatMap(({ kind }) =>
      kind?.$case === "item" ? [kind.value.path.toString("latin1")] : [],
    );
    assert.ok(items.includes(`${rich.slice(1)}/plain.txt`), items.slice(0, 5).join());
    assert.equal((await agent.snapshots("rich")).length, 0);
  });

  it("keeps everything about every file, and gives it back", async () => {
    const backup = await agent.backup("rich");
    assert.equal(backup.run.state, RunState.DONE, backup.run.error?.message);
    assert.ok(
      backup.events.some(({ kind }) => kind?.$case === "progress"),
      "progress was shown",
    );
    const restored = await agent.restore("rich", target);
    assert.equal(restored.run.state, RunState.DONE, restored.run.error?.message);
    assert.equal(await fingerprint(join(target, rich)), await fingerprint(rich));
    await assert.rejects(stat(join(target, small, "cache")), /ENOENT/, "excluded by its path");
    await assert.rejects(stat(join(target, small, "x.tmp")), /ENOENT/, "excluded by its pattern");
    assert.equal((await stat(join(target, small, "d2"))).isDirectory(), true);
  });

  it("shares unchanged files between snapshots, and notices the changed ones", async () => {
    await appendFile(join(small, "d0/f7"), "more");
    await rm(join(small, "d0/f8"));
    const backup = await agent.backup("rich");
    assert.equal(backup.run.state, RunState.DONE, backup.run.error?.message);
    assert.equal(backup.run.totals?.filesCopied, 1);
    const snapshots = await agent.snapshots("rich");
    assert.deepEqual(
      snapshots.map(({ latest, partial, incomplete }) => ({ latest, partial, incomplete })),
      [
        { latest: false, partial: false, incomplete: false },
        { latest: true, partial: false, incomplete: false },
      ],
    );
    const [first] = snapshots;
    await rm(target, { recursive: true });
    const old = await agent.restore("rich", target, {
      snapshot: first?.name ?? "",
      paths: [Buffer.from(join(small, "d0"))],
    });
    assert.equal(old.run.state, RunState.DONE, old.run.error?.message);
    assert.equal((await stat(join(target, small, "d0/f8"))).size, 500, "the deleted file is in the first snapshot");
    assert.equal((await stat(join(target, small, "d0/f7"))).size, 500);
  });

  it("lists names as they are, whatever they hold", async () => {
    const entries = await agent.files("rich", join(rich, "odd"));
    const names = entries.map(({ path }) => path.subarray(rich.length + "/odd".length).toString("latin1"));
    for (const name of oddNames)
      assert.ok(names.includes(name.toString("latin1")), `${JSON.stringify(name.toString())} is listed`);
    const [plain] = await agent.files("rich", join(rich, "plain.txt"));
    assert.equal(plain?.type, FileEntry_Type.FILE);
    assert.equal(plain?.size, 6);
    await assert.rejects(agent.files("rich", "/nothing/here"), { code: "not_found" });
    await assert.rejects(agent.files("rich", "../../etc"), { code: "usage" });
  });

  it("restores single files, by odd names too, and never over what is there", async () => {
    await rm(target, { recursive: true, force: true });
    const odd = oddNames.map((name) => Buffer.concat([Buffer.from(`${rich}/odd/`), name]));
    const first = await agent.restore("rich", target, { paths: odd });
    assert.equal(first.run.state, RunState.DONE, first.run.error?.message);
    assert.equal(first.run.totals?.filesCopied, oddNames.length);
    const existing = join(target, rich, "odd", "-rf");
    await writeFile(existing, "mine");
    const refused = await agent.restore("rich", target, { paths: odd });
    assert.equal(refused.run.error?.code, "exists");
    assert.equal(await readFile(existing, "utf8"), "mine");
    const dry = await agent.restore("rich", target, { paths: odd, overwrite: true, dryRun: true });
    assert.equal(dry.run.totals?.filesCopied, 1);
    assert.equal(await readFile(existing, "utf8"), "mine");
    const forced = await agent.restore("rich", target, { paths: odd, overwrite: true });
    assert.equal(forced.run.state, RunState.DONE, forced.run.error?.message);
    assert.equal(await readFile(existing, "utf8"), "-rf");
    const missing = await agent.restore("rich", target, { paths: [Buffer.from("/etc/nothing")] });
    assert.equal(missing.run.error?.code, "not_found");
  });

  it("leaves the directories above what it restores as they are", async () => {
    await rm(target, { recursive: true, force: true });
    await mkdir(join(target, rich, "sub"), { recursive: true, mode: 0o711 });
    const before = await stat(join(target, rich, "sub"));
    const restored = await agent.restore("rich", target, { paths: [Buffer.from(join(rich, "sub", "link"))] });
    assert.equal(restored.run.state, RunState.DONE, restored.run.error?.message);
    const after = await stat(join(target, rich, "sub"));
    assert.equal(after.mode, before.mode);
    assert.equal(after.uid, before.uid);
  });

  it("verifies: equal, changed since, and altered although it says it is not", async () => {
    const fine = await agent.verify("rich");
    assert.equal(fine.run.state, RunState.DONE, fine.run.error?.message);
    assert.equal(fine.run.totals?.filesDiffering, 0);
    assert.ok((fine.run.totals?.filesEqual ?? 0) > 250);
    const victim = join(small, "d1/f101");
    await run("touch", ["-r", victim, "/tmp/reference"]);
    await writeFile(victim, Buffer.alloc(500, 7));
    await run("touch", ["-r", "/tmp/reference", victim]);
    await run("touch", [join(small, "d1/f103")]);
    await appendFile(join(small, "d1/f104"), "changed by its owner");
    await writeFile(join(small, "d1/new"), "new");
    const found = await agent.verify("rich");
    assert.equal(found.run.error?.code, "tampered");
    assert.match(found.run.error?.message ?? "", /equal, 1 different, 1 changed and 1 new since/);
    assert.deepEqual(
      found.warnings.map((warning) => warning.split(":")[0]),
      [victim],
    );
  });

  it("runs its hooks, and says how it went", async () => {
    const done = await agent.backup("hooked");
    assert.equal(done.run.state, RunState.DONE, done.run.error?.message);
    const skipped = await agent.backup("skips");
    assert.equal(skipped.run.state, RunState.SKIPPED);
    const broken = await agent.backup("breaks");
    assert.equal(broken.run.error?.code, "hook_failed");
    assert.deepEqual((await readFile("/tmp/hook.log", "utf8")).trim().split("\n"), [
      "/tmp/hook before hooked ",
      "/tmp/hook after hooked done",
      "/tmp/hook  hooked done",
      "/tmp/hook before skips ",
      "/tmp/hook after skips skipped",
      "/tmp/hook before breaks ",
      "/tmp/hook after breaks failed",
    ]);
    assert.equal((await agent.snapshots("breaks")).length, 0);
  });

  it("keeps to its bandwidth limit", async () => {
    const limited = await agent.backup("slow");
    assert.equal(limited.run.state, RunState.DONE, limited.run.error?.message);
    const copied = limited.run.totals?.bytesCopied ?? 0;
    const copy = limited.events.find(({ kind }) => kind?.$case === "stepEnded" && kind.value.step === "copy");
    const ms = copy?.kind?.$case === "stepEnded" ? copy.kind.value.durationMs : 0;
    assert.ok(copied > 100_000);
    // only a lower bound of the time says something on a noisy machine
    assert.ok(ms > 4000, `${copied} bytes at 20 KiB/s in ${ms} ms`);
  });

  it("fails when no source exists, and is incomplete when one does not", async () => {
    const gone = await agent.backup("gone");
    assert.equal(gone.run.error?.code, "not_found");
    const partly = await agent.backup("partly");
    assert.equal(partly.run.state, RunState.INCOMPLETE);
    assert.equal(partly.run.error?.code, "incomplete");
    assert.ok(
      partly.warnings.some((warning) => warning.startsWith("/srv/nowhere: ")),
      partly.warnings.join("\n"),
    );
    const [snapshot] = await agent.snapshots("partly");
    assert.equal(snapshot?.incomplete, true);
  });
});
