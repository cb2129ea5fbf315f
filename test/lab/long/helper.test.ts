/** The helper on the backup host, spoken to as a machine would: what it does, what it refuses, and what it leaves when it goes. */

import assert from "node:assert/strict";
import { mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { systemClock } from "../../../common/clock.ts";
import { makeExec, mustRead, mustRun } from "../../../common/exec.ts";
import { waitUntil } from "../../../common/wait-until.ts";
import { ExportMode, type LeaseClaim, type OpenExportResponse } from "../../../proto/gen/luksmith/v1/helper.ts";
import { askHelper, exportDirectories, forgetHelper, LabHelper, leaseClaim } from "../harness/lab-helper.ts";
import { assertNothingLeft } from "../harness/leak-check.ts";

const { exec, start } = makeExec();
const deadlineMs = 60_000;
/** The admission's own timeout, and some more. */
const forgottenMs = 60_000;
const configPath = "/run/lab-helper/helper.yaml";
const storage = "/run/lab-helper/storage";
const runtimeDir = "/run/luksmith-helper";
const mebi = 2 ** 20;
const address = "127.0.0.1";
const machine = "lm-one";
const caller = { configPath, user: machine, address };
const administrator = { configPath };
const tokens: string[] = [];
const image = "images/home.luks";

const run = async (file: string, ...args: string[]) => (await mustRead(exec, { file, args, deadlineMs })).toString();

describe("the helper", () => {
  before(async () => {
    await forgetHelper();
    await mkdir(storage, { recursive: true });
    await writeFile("/run/lab-helper/disk", "");
    await run("truncate", "--size=600M", "/run/lab-helper/disk");
    await run("mkfs.btrfs", "--quiet", "/run/lab-helper/disk");
    await run("mount", "-o", "loop", "/run/lab-helper/disk", storage);
    for (const user of [machine, "lm-two"]) {
      await run("useradd", "--no-create-home", "--home-dir", `${storage}/${user}`, user);
      await mkdir(`${storage}/${user}/images`, { recursive: true });
      await run("chown", "--recursive", `${user}:`, `${storage}/${user}`);
    }
    await writeFile(
      configPath,
      `machines:
  ${machine}: { directory: ${storage}/${machine}, maxImageSize: 1G, maxExports: 2, trustedWire: [127.0.0.0/8] }
  lm-two: { directory: ${storage}/lm-two }
direct: { address: ${address}, ports: 10810-10811 }
checkpoints: { directory: ${storage}/checkpoints, every: 8s, minAge: 0s, keep: { last: 2, daily: 0, weekly: 0, monthly: 0 } }
`,
    );
    for (const module of ["nbd", "nf_tables"]) await run("modprobe", module);
  });

  after(async () => {
    await exec({ file: "nft", args: ["delete", "table", "inet", "luksmith_helper"], deadlineMs });
    await run("umount", storage);
    for (const user of [machine, "lm-two"]) await run("userdel", user);
    await assertNothingLeft();
  });

  it("says what this host can do", async () => {
    await using helper = await LabHelper.start(caller);
    const can = await helper.call("probe", { version: "0.1.0", triesStorage: true });
    assert.match(can.nbdServerVersion, /^3\.\d+/);
    assert.equal(can.machine, machine);
    assert.deepEqual([can.punchesHoles, can.noHolesReason], [true, ""]);
    assert.deepEqual([can.makesCheckpoints, can.noCheckpointsReason], [true, ""]);
    assert.equal(can.allowsDirect, false);
    assert.match(can.noDirectReason, /the firewall's table luksmith_helper on the backup host is not there/);
    await askHelper(administrator, ["firewall", "apply"]);
    const now = await helper.call("probe", { version: "0.1.0", triesStorage: false });
    assert.deepEqual([now.allowsDirect, now.noDirectReason], [true, ""]);
    assert.equal(can.maxImageBytes, 1024 * mebi);
  });

  it("makes an image, serves it to one session, gives back what is discarded, and leaves nothing", async () => {
    await using helper = await LabHelper.start(caller);
    await helper.call("createImage", { image, bytes: 64 * mebi });
    const opened = await openTunnel(helper);
    assert.equal(opened.bytes, 64 * mebi);
    const device = await connect(opened);
    await run("dd", "if=/dev/urandom", `of=${device}`, "bs=1M", "count=16", "oflag=direct", "conv=fsync");
    const full = await helper.call("statImage", { image });
    assert.ok(full.allocatedBytes >= 16 * mebi && full.exported, JSON.stringify(full));
    await run("blkdiscard", device);
    const empty = await helper.call("statImage", { image });
    assert.ok(empty.allocatedBytes < mebi, `${empty.allocatedBytes}`);

    await using other = await LabHelper.start(caller);
    const open = { image, mode: ExportMode.TUNNEL, readOnly: false, discardsBelow: 0, lease: claim() };
    await assert.rejects(other.call("openExport", open), { code: "locked" });
    await assert.rejects(other.call("resizeImage", { image, bytes: 65 * mebi, shrink: false }), {
      code: "locked",
    });
    await assert.rejects(other.call("createCheckpoint", { image }), { code: "locked" });

    await run("nbd-client", "-d", device);
    await helper.call("closeExport", { export: opened.export });
    await other.call("resizeImage", { image, bytes: 65 * mebi, shrink: false });
    assert.deepEqual(await exportDirectories(runtimeDir), []);
    await assertNothingLeft();
  });

  it("takes everything with it when the connection goes, and when it is killed", async () => {
    const left = await LabHelper.start(caller);
    await openTunnel(left);
    await left.hangUp();
    assert.deepEqual(await exportDirectories(runtimeDir), []);
    await assertNothingLeft();

    const killed = await LabHelper.start(caller);
    await openTunnel(killed);
    await killed.kill();
    await assertNothingLeft();
    // what it had in /run is found by the next
    await using next = await LabHelper.start(caller);
    await next.call("statImage", { image });
    assert.deepEqual(await exportDirectories(runtimeDir), []);
  });

  it("notices that the machine has vanished without a word", async () => {
    const helper = await LabHelper.start(caller);
    await openTunnel(helper);
    await helper.vanish();
    assert.deepEqual(await exportDirectories(runtimeDir), []);
    await assertNothingLeft();
  });

  it("opens a port for this session alone, and to nobody who is not let in", async () => {
    await askHelper(administrator, ["firewall", "apply"]);
    await using helper = await LabHelper.start(caller);
    const opened = await helper.call("openExport", {
      image,
      mode: ExportMode.DIRECT,
      readOnly: true,
      discardsBelow: 0,
      lease: undefined,
    });
    assert.deepEqual([opened.address, opened.port], [address, 10_810]);
    assert.equal(await greeting("127.0.0.9", opened), undefined, "another address of this host is another client");
    assert.match(await clients(), /127\.0\.0\.1 \. 10810/);
    assert.match((await greeting(address, opened)) ?? "", /^NBDMAGIC/);
    // it served its one client
    assert.ok(await waitUntil(systemClock, deadlineMs, async () => !(await clients()).includes("10810")));

    const again = await helper.call("openExport", {
      image,
      mode: ExportMode.DIRECT,
      readOnly: true,
      discardsBelow: 0,
      lease: undefined,
    });
    await helper.kill();
    await assertNothingLeft();
    assert.equal(await greeting(address, again), undefined, "with its helper the server died");
    const isShut = async () => !(await clients()).includes("10810");
    assert.ok(await waitUntil(systemClock, forgottenMs, isShut), "nobody renews the place in the firewall");
  });

  it("serves nothing over TCP when the firewall is not as it was made, nor to whom the wire is not trusted", async () => {
    const direct = { image, mode: ExportMode.DIRECT, readOnly: false, discardsBelow: 0, lease: claim() };
    await using helper = await LabHelper.start(caller);
    await run("nft", "insert rule inet luksmith_helper input tcp dport 10810 accept");
    await assert.rejects(helper.call("openExport", direct), { code: "refused" });
    await run("nft", "delete table inet luksmith_helper");
    await assert.rejects(helper.call("openExport", direct), { code: "refused" });
    await askHelper(administrator, ["firewall", "apply"]);

    await using stranger = await LabHelper.start({ ...caller, address: "192.0.2.7" });
    await assert.rejects(stranger.call("openExport", direct), { code: "refused" });
    await using nowhere = await LabHelper.start({ configPath, user: machine });
    await assert.rejects(nowhere.call("openExport", direct), { code: "refused" });
  });

  it("looks for somebody else's port no further than for a free one", async () => {
    const squatter = start({ file: "socat", args: ["TCP-LISTEN:10810,bind=127.0.0.1,fork", "PIPE"] });
    try {
      const listens = async () => (await run("ss", "-Hltn", "sport = :10810")).includes("10810");
      assert.ok(await waitUntil(systemClock, deadlineMs, listens));
      await using helper = await LabHelper.start(caller);
      const opened = await helper.call("openExport", {
        image,
        mode: ExportMode.DIRECT,
        readOnly: true,
        discardsBelow: 0,
        lease: undefined,
      });
      assert.equal(opened.port, 10_811);
      assert.doesNotMatch(await clients(), /10810/);
    } finally {
      await squatter.stop();
    }
  });

  it("refuses what is not an image of this machine's own, and writes down who asked", async () => {
    const own = `${storage}/${machine}`;
    const theirs = `${storage}/lm-two/images/theirs.luks`;
    await writeFile(theirs, "theirs");
    await symlink(theirs, `${own}/images/link.luks`);
    await symlink(`${storage}/lm-two`, `${own}/way`);
    await run("ln", theirs, `${own}/images/hard.luks`);
    await run("mkfifo", `${own}/images/fifo.luks`);
    await run("mknod", `${own}/images/disk.luks`, "b", "7", "0");
    await run("chown", `${machine}:`, `${own}/images/fifo.luks`, `${own}/images/disk.luks`);
    await using helper = await LabHelper.start(caller);
    const names = ["link", "hard", "fifo", "disk"].map((name) => `images/${name}.luks`);
    for (const name of [...names, "way/images/theirs.luks", "../lm-two/images/theirs.luks", "images/a\nb.luks", ""]) {
      const asked = helper.call("openExport", {
        image: name,
        mode: ExportMode.TUNNEL,
        readOnly: false,
        discardsBelow: 0,
        lease: claim(),
      });
      await assert.rejects(asked, { code: "denied" }, JSON.stringify(name));
    }
    const log = (await readFile("/var/log/luksmith-helper.log", "utf8")).split("\n").filter(Boolean);
    const refusals = log
      .map((line) => JSON.parse(line))
      .filter(({ call, code }) => call === "OpenExport" && code === "denied");
    assert.equal(refusals.length, 8);
    assert.ok(refusals.every((line) => line.machine === machine && line.address === address));
    await assertNothingLeft();
  });

  it("ends at once over what is no gRPC, and before anything for who is no machine", async () => {
    for (const input of [
      "",
      "GET / HTTP/1.1\r\n\r\n",
      "\0".repeat(10_000),
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbage".repeat(50),
    ]) {
      const { exitCode } = await askHelper(caller, [], input);
      assert.equal(exitCode, input === "" ? 0 : 2);
    }
    const { exitCode, stderr } = await askHelper({ configPath, user: "root" }, []);
    assert.equal(exitCode, 1);
    assert.match(stderr, /^error: "root" is no machine of this backup host\nhint: /);
    assert.deepEqual(await exportDirectories(runtimeDir), []);
  });

  it("keeps checkpoints where the machine cannot reach them, and puts one back", async () => {
    const path = `${storage}/${machine}/${image}`;
    const first = await contentOf(path, "what it was");
    await using helper = await LabHelper.start(caller);
    const { checkpoint } = await helper.call("createCheckpoint", { image });
    assert.ok(checkpoint);
    await assert.rejects(helper.call("createCheckpoint", { image }), { code: "exists" });
    await contentOf(path, "what ransomware has made of it");
    await waitUntil(systemClock, deadlineMs, async () => Date.now() > (checkpoint.madeAt?.getTime() ?? 0) + 8000);
    await helper.call("createCheckpoint", { image });
    const { checkpoints } = await helper.call("listCheckpoints", { image });
    assert.deepEqual([checkpoints.length, checkpoints[1]?.name], [2, checkpoint.name]);

    const kept = `${storage}/checkpoints/${machine}/images%2Fhome.luks/${checkpoint.name}`;
    const { uid, mode } = await stat(kept);
    assert.deepEqual([uid, mode & 0o777], [0, 0o400]);
    for (const attempt of [
      ["cat", kept],
      ["rm", "--force", kept],
      ["ls", `${storage}/checkpoints`],
    ]) {
      const args = ["--reuid", machine, "--clear-groups", "--", ...attempt];
      assert.notEqual((await exec({ file: "setpriv", args, deadlineMs })).exitCode, 0, attempt.join(" "));
    }

    const done = await askHelper(administrator, ["checkpoints", "restore", machine, image, checkpoint.name]);
    assert.equal(done.exitCode, 0, done.stderr);
    assert.equal(await run("sha256sum", "--zero", path).then((line) => line.split(" ")[0]), first);
    const restored = await stat(path);
    assert.deepEqual([restored.uid, restored.mode & 0o777], [(await stat(`${storage}/${machine}`)).uid, 0o600]);
    const listed = await askHelper(administrator, ["checkpoints", "list"]);
    assert.match(listed.stdout, new RegExp(`${machine}.*${image}.*${checkpoint.name}`));
  });
});

/** As an agent has it, which remembers what it has asked for before. */
function claim(): LeaseClaim {
  const next = leaseClaim({ ownTokens: tokens.slice(-8) });
  tokens.push(next.token);
  return next;
}

function openTunnel(helper: LabHelper): Promise<OpenExportResponse> {
  return helper.call("openExport", {
    image,
    mode: ExportMode.TUNNEL,
    readOnly: false,
    discardsBelow: 0,
    lease: claim(),
  });
}

/** @returns the device */
async function connect({ channel, name }: OpenExportResponse): Promise<string> {
  const socket = `${runtimeDir}/${channel}/socket/nbd`;
  const said = await run("nbd-client", "-unix", socket, "-name", name);
  return /Connected (\/dev\/nbd\d+)/.exec(said)?.[1] ?? assert.fail(said);
}

/** What the server says first to who connects from this address; undefined when it says nothing, or there is none. */
async function greeting(from: string, { address: to, port }: OpenExportResponse): Promise<string | undefined> {
  // what it says alone: to say nothing, and be done with that, would end the conversation. Between listening and looking who has
  // come, nbd-server makes numbers for TLS, used or not: seconds under emulation, more or less as chance will have it
  const args = ["-u", "-T", "50", `TCP:${to}:${port},bind=${from},connect-timeout=2,readbytes=18`, "STDOUT"];
  const { stdout } = await exec({ file: "socat", args, deadlineMs });
  return stdout.length === 0 ? undefined : stdout.toString("latin1");
}

function clients(): Promise<string> {
  return run("nft", "list", "set", "inet", "luksmith_helper", "clients4");
}

/** @returns its SHA-256 */
async function contentOf(path: string, text: string): Promise<string> {
  await mustRun(exec, {
    file: "dd",
    args: [`of=${path}`, "conv=notrunc,fsync", "status=none"],
    stdin: text,
    deadlineMs,
  });
  return (await run("sha256sum", "--zero", path)).split(" ")[0] ?? "";
}
