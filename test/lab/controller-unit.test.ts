/** The controller as docs/fleet.md has it begun and started: its unit file as it is, under a real systemd. */

import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { makeExec, mustRun } from "../../common/exec.ts";
import { assertNothingLeft } from "./harness/leak-check.ts";
import { ServiceManager } from "./harness/service-manager.ts";
import { until } from "./harness/until.ts";

const unit = "luksmith-controller.service";
const user = "luksmith-controller";
const stateDir = "/var/lib/luksmith-controller";
const configFile = "/etc/luksmith/controller.yaml";
const place = "/opt/luksmith";
const node = `${place}/node_modules/.bin/node`;
const program = `${place}/dist/luksmith-controller.mjs`;
const init = [node, program, "init", "--address", "127.0.0.1:7443"] as const;
const readyUrl = "http://127.0.0.1:7480/readyz";

const { exec } = makeExec();
const must = (file: string, ...args: string[]) => mustRun(exec, { file, args, deadlineMs: 120_000 });

describe("the controller's systemd unit", () => {
  let systemd: ServiceManager;
  before(async () => {
    // where the unit has it: the checkout may be anywhere, and where only root comes
    await mkdir(place, { recursive: true });
    await must("mount", "--bind", resolve("."), place);
    await rm(stateDir, { recursive: true, force: true });
    const known = await exec({ file: "id", args: [user], deadlineMs: 60_000 });
    if (known.exitCode !== 0)
      await must("useradd", "--system", "--home-dir", stateDir, "--shell", "/usr/sbin/nologin", user);
    // also the group's, or systemd would give all of it to the user (systemd.exec(5), StateDirectory)
    await must("install", "-d", "-m", "700", "-o", user, "-g", user, stateDir);
    await must("install", "-d", "-m", "755", "/etc/luksmith");
    await writeFile(configFile, "{}\n");
    for (const home of ["/home", "/root"]) await writeFile(`${home}/letter`, "dear reader\n");
    systemd = await ServiceManager.start();
    await systemd.install(unit, await readFile(`deploy/systemd/${unit}`, "utf8"));
    // into a file, since nobody keeps a journal here
    await systemd.edit(unit, "StandardError=append:/var/log/controller");
  });
  afterEach(() => assertNothingLeft());
  after(async () => {
    await systemd?.[Symbol.asyncDispose]();
    await must("umount", "--lazy", place);
    await assertNothingLeft();
  });

  const show = (property: string) => systemd.show(unit, property);
  const systemctl = (verb: string) => systemd.run(["systemctl", verb, unit]);
  const isReady = () =>
    fetch(readyUrl).then(
      ({ ok }) => ok,
      () => false,
    );
  const machines = () =>
    exec({
      file: node,
      args: [`${place}/dist/luksmith.mjs`, "fleet", "--fleet", `${stateDir}/admin.yaml`, "machines"],
      deadlineMs: 120_000,
    });
  const serves = async () => {
    const { exitCode, stdout, stderr } = await machines();
    assert.equal(exitCode, 0, `${stdout}${stderr}`);
  };
  /** What the service sees and is, as its main process. */
  const inside = async (...argv: string[]) => {
    const pid = await show("MainPID");
    return systemd.run(["nsenter", "--target", pid, "--mount", "--", ...argv]);
  };
  const status = async () => {
    const { stdout } = await systemd.run(["cat", `/proc/${await show("MainPID")}/status`]);
    return (key: string) => new RegExp(`^${key}:\\s+(.*)$`, "m").exec(stdout.toString())?.[1]?.trim() ?? "";
  };
  const logged = () => readFile("/var/log/controller", "utf8");
  const assertStarts = async () => {
    const started = await systemctl("start");
    assert.equal(started.exitCode, 0, `${started.stderr}${await logged()}`);
    // it was started no sooner than that
    assert.equal(await isReady(), true);
    assert.equal(await show("ActiveState"), "active");
    await serves();
  };
  const empty = async () => {
    for (const name of await readdir(stateDir)) await rm(`${stateDir}/${name}`, { recursive: true });
  };
  /** Ended at once with `status`, and left alone. */
  const refused = async (exitStatus: string, words: RegExp) => {
    await rm("/var/log/controller", { force: true });
    const started = await systemctl("start");
    assert.notEqual(started.exitCode, 0);
    assert.deepEqual(
      [await show("ExecMainStatus"), await show("ActiveState"), await show("NRestarts")],
      [exitStatus, "failed", "0"],
      await logged(),
    );
    assert.match(await logged(), words);
  };

  it("ends with the command that mends it when a file is root's, which gives away no more than that", async () => {
    const secret = `${stateDir}/controller.secret`;
    await writeFile(secret, "root's\n", { mode: 0o600 });
    await writeFile("/srv/roots", "of nobody else's concern\n", { mode: 0o600 });
    await symlink("/srv/roots", `${stateDir}/controller.link`);
    await refused("2", /runs as luksmith-controller, who may not use \S+controller\.secret; it belongs to root/);
    const [, mending = ""] = /as root: (chown [^"]+)"/.exec(await logged()) ?? [];
    const mended = await systemd.run(["sh", "-c", mending]);
    assert.equal(mended.exitCode, 0, `${mending}\n${mended.stderr}`);
    const owners = await systemd.run(["stat", "--format", "%U", secret, "/srv/roots"]);
    assert.equal(owners.stdout.toString(), `${user}\nroot\n`);
    await empty();
  });

  it("is given by systemd what root has begun, where no directory was", async () => {
    await rm(stateDir, { recursive: true });
    const begun = await systemd.run(init);
    assert.equal(begun.exitCode, 0, begun.stderr);
    assert.match(begun.stdout.toString(), /chown -h luksmith-controller \/var\/lib\/luksmith-controller /);
    await assertStarts();
    await systemctl("stop");
    await empty();
  });

  it("is started when the controller serves", async () => {
    const begun = await systemd.run(["runuser", "--user", user, "--", ...init]);
    assert.equal(begun.exitCode, 0, begun.stderr);
    await assertStarts();
  });

  it("runs as its user, with no right that it does not need", async () => {
    const of = await status();
    const { stdout } = await systemd.run(["id", "--user", user]);
    assert.deepEqual(new Set(of("Uid").split(/\s+/)), new Set([stdout.toString().trim()]));
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) assert.match(of(set), /^0+$/, set);
    assert.deepEqual([of("NoNewPrivs"), of("Seccomp")], ["1", "2"]);
    const mounts = (await inside("cat", "/proc/self/mounts")).stdout.toString();
    const isWritable = async (path: string) => {
      const { stdout: found } = await inside("findmnt", "--noheadings", "--output", "VFS-OPTIONS", "--target", path);
      return found.toString().startsWith("rw");
    };
    assert.deepEqual(
      await Promise.all([stateDir, "/etc", "/var/lib", place, "/sys"].map(isWritable)),
      [true, false, false, false, false],
      mounts,
    );
    for (const hidden of ["/home", "/root"]) assert.equal((await inside("ls", "-A", hidden)).stdout.toString(), "");
    const mode = (await inside("stat", "--format", "%U %a", stateDir)).stdout.toString();
    assert.equal(mode, `${user} 700\n`);
  });

  it("has the flag and the environment of its unit", async () => {
    const pid = await show("MainPID");
    const read = async (name: string) => (await systemd.run(["cat", `/proc/${pid}/${name}`])).stdout.toString();
    const [command, environment] = [(await read("cmdline")).split("\0"), (await read("environ")).split("\0")];
    assert.deepEqual(command.slice(1, 3), ["--max-semi-space-size=16", program]);
    for (const set of ["MALLOC_MMAP_THRESHOLD_=65536", "MALLOC_TRIM_THRESHOLD_=33554432", `HOME=${stateDir}`]) {
      assert.ok(environment.includes(set), set);
    }
    assert.match(await read("limits"), /^Max open files +262144 /m);
  });

  it("comes back when it was killed", async () => {
    await systemd.run(["systemctl", "kill", "--kill-whom=main", "--signal=SIGKILL", unit]);
    const isBack = async () => (await show("NRestarts")) === "1" && (await show("ActiveState")) === "active";
    await until(isBack, "the controller is back");
    await serves();
  });

  it("is stopped at once, and has ended well", async () => {
    const began = performance.now();
    await systemctl("stop");
    // TimeoutStopSec is a minute
    assert.ok(performance.now() - began < 30_000);
    assert.deepEqual([await show("Result"), await show("ExecMainStatus")], ["success", "0"]);
    assert.equal(await isReady(), false);
  });

  it("is not started over and over with a configuration that cannot be used, or beside another one", async () => {
    await writeFile(configFile, "nonsense: true\n");
    await refused("2", /nonsense/);
    await writeFile(configFile, "{}\n");
    const other = [node, "--eval", holdDatabase] as const;
    const held = systemd.run(["runuser", "--user", user, "--", ...other]);
    await until(async () => (await systemd.run(["test", "-e", "/tmp/held"])).exitCode === 0, "another one has it");
    await refused("11", /another controller uses/);
    await rm("/tmp/held");
    await held;
  });

  it("reaches this host's PostgreSQL by its socket, as its user and without a password", async () => {
    await empty();
    await using database = new AsyncDisposableStack();
    await startPostgres(database);
    const address = `postgres://${user}@localhost/fleet?host=/run/postgresql`;
    await writeFile(configFile, `database: "${address}"\n`);
    const begun = await systemd.run(["runuser", "--user", user, "--", ...init, "--database", address]);
    assert.equal(begun.exitCode, 0, begun.stderr);
    await assertStarts();
    await systemctl("stop");
    assert.deepEqual([await show("Result"), await show("ExecMainStatus")], ["success", "0"]);
    assert.ok(!(await readdir(stateDir)).some((name) => name.endsWith(".db")));
  });
});

/** As a controller holds it; until its file goes. */
const holdDatabase = `
  const { existsSync, writeFileSync } = require("node:fs");
  const { DatabaseSync } = require("node:sqlite");
  const database = new DatabaseSync("${stateDir}/controller.db");
  database.exec("pragma locking_mode = exclusive; pragma journal_mode = wal; begin immediate; commit");
  writeFileSync("/tmp/held", "");
  setInterval(() => { if (!existsSync("/tmp/held")) process.exit(); }, 100);
`;

/** As Debian's package has it: who is known to the system by that name needs no password (pg_hba.conf, "peer"). */
async function startPostgres(running: AsyncDisposableStack): Promise<void> {
  const [version = ""] = (await readdir("/usr/lib/postgresql")).toSorted((a, b) => Number(b) - Number(a));
  const as = (name: string, ...args: string[]) =>
    must("runuser", "--user", "postgres", "--", `/usr/lib/postgresql/${version}/bin/${name}`, ...args);
  const data = "/srv/postgres/data";
  for (const directory of ["/srv/postgres", "/run/postgresql"]) {
    await must("install", "-d", "-m", "755", "-o", "postgres", "-g", "postgres", directory);
  }
  await as("initdb", "--no-sync", "--auth=peer", "--locale=C", "--encoding=UTF8", "-D", data);
  const options = "-c listen_addresses= -c unix_socket_directories=/run/postgresql -c fsync=off";
  await as("pg_ctl", "start", "--wait", "-D", data, "-l", "/srv/postgres/log", "-o", options);
  running.defer(() => as("pg_ctl", "stop", "--wait", "--mode=fast", "-D", data));
  await as("createuser", "--host=/run/postgresql", user);
  await as("createdb", "--host=/run/postgresql", "--owner", user, "fleet");
}
