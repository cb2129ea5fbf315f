/** Checkpoints: what a machine with root and all its keys cannot destroy, and how it comes back. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { promisify } from "node:util";
import type { LuksmithError } from "../../common/errors.ts";
import { timeName } from "../../common/time-name.ts";
import { ExportMode } from "../../proto/gen/luksmith/v1/helper.ts";
import { identityFile } from "./harness/lab-agent.ts";
import { LabHelper } from "./harness/lab-helper.ts";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";
import { SecondHost } from "./harness/second-host.ts";

const run = promisify(execFile);
const source = "/srv/source";
const target = "/srv/target";
const pool = "/run/luksmith-lab/pool/checkpoints";
const machine = SecondHost.user;
const imageDirectory = join(pool, machine, encodeURIComponent("images/home.luks"));
const dayMs = 86_400_000;

describe("checkpoints", () => {
  const scene = Scene.set({
    storageBytes: 600 * 2 ** 20,
    reflinks: true,
    // looked at twice a second, so that a look falls into the moment in which the device goes
    remote: "transport: nbd, stallTimeout: 10s",
    helper: {
      config: `
machines:
  ${machine}: { directory: /srv/luksmith-lab }
checkpoints: { directory: ${pool}, every: 1s, minAge: 2d, keep: { last: 2, daily: 3, weekly: 0, monthly: 0 } }
`,
    },
    prepare: async () => {
      await mkdir(source, { recursive: true });
      await writeFile(join(source, "precious"), "what must not be lost\n");
    },
    config: homeAndDocs(source),
    volumes: ["home"],
  });
  after(() => Promise.all([source, target].map((path) => rm(path, { recursive: true, force: true }))));

  it("are made after a backup, root's alone", async () => {
    {
      await using helper = await LabHelper.start({ configPath: "/etc/luksmith/helper.yaml", user: machine });
      const can = await helper.call("probe", { version: "0.1.0", triesStorage: true });
      assert.deepEqual([can.makesCheckpoints, can.noCheckpointsReason], [true, ""]);
    }
    const first = await scene.agent.backup("docs");
    assertDone(first);
    const notes = first.events.flatMap(({ kind }) => (kind?.$case === "note" ? [kind.value.message] : []));
    const said = [...notes, ...first.warnings].filter((message) => message.includes("checkpoint"));
    assert.equal(said.length, 1, scene.agent.log.slice(-40).join(""));
    assert.match(said.join(), /^checkpoint 2\d{3}-\S+Z is kept on vault$/);
    const [name = ""] = await readdir(imageDirectory);
    const { mode, uid } = await stat(join(imageDirectory, name));
    assert.deepEqual([mode & 0o777, uid], [0o400, 0]);
    // it was made yesterday, by the host's clock
    await rename(join(imageDirectory, name), join(imageDirectory, timeName(new Date(Date.now() - dayMs))));
    assertDone(await scene.agent.backup("docs"));
  });

  it("outlast a machine that has been taken over", async () => {
    const [yesterday = ""] = (await readdir(imageDirectory)).toSorted();
    const before = await run("sha256sum", [join(imageDirectory, yesterday)]);
    const image = "images/home.luks";
    await using helper = await LabHelper.start({ configPath: "/etc/luksmith/helper.yaml", user: machine });
    const refused = { code: "denied" } as const;
    await assert.rejects(helper.call("discardImage", { image }), refused);
    for (const path of [
      `../../luksmith-lab/pool/checkpoints/${machine}`,
      join(imageDirectory, yesterday),
      `images/../../pool/checkpoints`,
    ]) {
      await assert.rejects(helper.call("statImage", { image: path }), refused);
      await assert.rejects(helper.call("resizeImage", { image: path, bytes: 1, shrink: true }), refused);
      const open = { image: path, mode: ExportMode.TUNNEL, readOnly: true, discardsBelow: 0, lease: undefined };
      await assert.rejects(helper.call("openExport", open), refused);
    }
    // it may ruin what is its own
    await helper.call("resizeImage", { image, bytes: 4096, shrink: true });
    // and have copies of that made, as many as it likes
    for (let made = 0; made < 3; ) {
      const asked = helper.call("createCheckpoint", { image });
      made += await asked.then(
        () => 1,
        (error: unknown) => {
          assert.equal((error as LuksmithError).code, "exists");
          return 0;
        },
      );
    }
    for (const command of [
      "luksmith-helper checkpoints list",
      `luksmith-helper checkpoints restore ${machine} ${image} ${yesterday}`,
      `rm -rf ${pool}`,
      `luksmith-helper serve; rm -rf ${pool}`,
      "sudo -n luksmith-helper checkpoints list",
    ]) {
      await assert.rejects(ssh([command]), /this key may use SFTP/, command);
    }
    for (const batch of [
      `rm ${imageDirectory}/${yesterday}`,
      `ls ${pool}`,
      `rename ${pool} /srv/luksmith-lab/x`,
      `symlink ${pool} images/way`,
      `put /etc/hostname images/way/${machine}/x`,
    ]) {
      await sftp(batch).catch(() => undefined);
    }
    await sftp("rm images/home.luks");
    // and say that it uses it, as often as it likes
    await sftp("put /etc/hostname images/home.luks.lease");
    assert.deepEqual(await run("sha256sum", [join(imageDirectory, yesterday)]), before);
  });

  it("come back by the administrator's hand, and are accepted and verified", async () => {
    const listed = await run("luksmith-helper", ["checkpoints", "list", "--machine", machine]);
    const yesterday = timeName(new Date(Date.now() - dayMs)).slice(0, 10);
    const name = listed.stdout.match(new RegExp(`${yesterday}T\\S+Z`))?.[0] ?? "";
    assert.notEqual(name, "", listed.stdout);
    const restore = ["checkpoints", "restore", machine, "images/home.luks", name];
    await assert.rejects(run("luksmith-helper", restore), /shut its key out, and use --ignore-lease/);
    await run("luksmith-helper", [...restore, "--ignore-lease"]);
    // an older one than the machine has seen
    assert.equal((await scene.agent.check("home")).run.error?.code, "tampered");
    assertDone(await scene.agent.check("home", { acceptRollback: true }));
    assertDone(await scene.agent.verify("docs"));
    await mkdir(target, { recursive: true });
    assertDone(await scene.agent.restore("docs", target));
    assert.equal(await readFile(join(target, source, "precious"), "utf8"), "what must not be lost\n");
  });
});

function ssh(words: string[]) {
  return run("ssh", [...sshOptions(), `${machine}@${SecondHost.address}`, ...words], { timeout: 60_000 });
}

async function sftp(batch: string) {
  const child = run("sftp", [...sshOptions(), "-b", "-", `${machine}@${SecondHost.address}`], { timeout: 60_000 });
  child.child.stdin?.end(`${batch}\n`);
  return await child;
}

function sshOptions(): string[] {
  return [
    "-i",
    identityFile,
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "BatchMode=yes",
  ];
}
