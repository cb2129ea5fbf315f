/**
 * The benchmark, inside the lab: the recipe typed by hand, luksmith, restic, borg and rsync on the same link with the
 * same files in the same run. Prints one JSON line a measurement; the host makes the table.
 *
 * The machine that emulates the lab is seldom quiet, and grows slower and faster by half within a minute. So what is
 * compared closely is done several times, tool by tool in turn, and the best of them counts.
 */

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { type Followed, identityFile, LabAgent, remoteLine } from "./harness/lab-agent.ts";
import { assertNothingLeft } from "./harness/leak-check.ts";
import { programStartMs } from "./harness/program-start.ts";
import { SecondHost } from "./harness/second-host.ts";
import { makeManyFiles } from "./harness/tree.ts";

const exec = promisify(execFile);
const source = "/srv/bench";
const target = "/srv/bench-restored";
const one = "d3/f321";
const imageMiB = 400;

const { values } = parseArgs({
  options: {
    rtt: { type: "string", default: "20" },
    files: { type: "string", default: "2000" },
    tools: { type: "string", default: "" },
    /** How often the recipe and luksmith do each thing but creating and the first backup; the others do it once. */
    rounds: { type: "string", default: "3" },
    /** What a key derivation takes on this machine: as long as cryptsetup wants it to by default. 0: as short as it can be. */
    "kdf-seconds": { type: "string", default: "2" },
    /** Prints what each program took, ours in the agent's log, to see where the time goes. */
    trace: { type: "boolean", default: false },
  },
});
const files = Number(values.files);
const rounds = Number(values.rounds);

interface Tool {
  readonly name: string;
  readonly rounds: number;
  readonly create?: () => Promise<void>;
  readonly backup: () => Promise<void>;
  readonly restoreOne: () => Promise<void>;
  readonly restoreAll: () => Promise<void>;
}

let host: SecondHost;
/** Of PBKDF2, which takes as long each time: both tools use it, so that both derive for as long. */
let kdfIterations = 1000;

async function run(file: string, args: readonly string[], env: Record<string, string> = {}): Promise<void> {
  const started = performance.now();
  await exec(file, [...args], { env: { ...process.env, ...env }, maxBuffer: 256 * 2 ** 20 });
  if (values.trace) process.stderr.write(`${((performance.now() - started) / 1000).toFixed(3)} ${file}\n`);
}

async function measure(tool: string, row: string, rttMs: number, work: () => Promise<void>): Promise<void> {
  if (values.trace) process.stderr.write(`--- ${tool}: ${row}\n`);
  const before = await host.wireBytes();
  const started = performance.now();
  let failed = "";
  await work().catch((error: Error) => {
    failed = error.message.slice(0, 300);
  });
  const seconds = (performance.now() - started) / 1000;
  const after = await host.wireBytes();
  const wire = { sent: after.sent - before.sent, received: after.received - before.received };
  process.stdout.write(`${JSON.stringify({ tool, row, rttMs, seconds, ...wire, ...(failed ? { failed } : {}) })}\n`);
}

/** What an administrator types: everything mounted, used and unmounted for each of them. */
function byHand(): Tool {
  const mounted = "/mnt/bench-remote";
  const opened = "/mnt/bench-files";
  const key = "/run/bench.key";
  const image = join(mounted, "by-hand.luks");
  const sshfs = () =>
    run("sshfs", [
      `${host.user}@${host.address}:images`,
      mounted,
      "-o",
      `IdentityFile=${identityFile},StrictHostKeyChecking=no`,
    ]);
  const withFiles = async (work: () => Promise<void>) => {
    await sshfs();
    await run("cryptsetup", ["open", image, "by-hand", "--key-file", key]);
    await run("mount", ["/dev/mapper/by-hand", opened]);
    await work();
    await run("umount", [opened]);
    await run("cryptsetup", ["close", "by-hand"]);
    await run("fusermount3", ["-u", mounted]);
  };
  return {
    name: "by hand",
    rounds,
    create: async () => {
      await mkdir(mounted, { recursive: true });
      await mkdir(opened, { recursive: true });
      await writeFile(key, randomBytes(64), { mode: 0o400 });
      await sshfs();
      await run("truncate", ["-s", `${imageMiB}M`, image]);
      await run("cryptsetup", [
        "luksFormat",
        "-q",
        "--pbkdf",
        "pbkdf2",
        "--pbkdf-force-iterations",
        `${kdfIterations}`,
        image,
        key,
      ]);
      await run("cryptsetup", ["open", image, "by-hand", "--key-file", key]);
      await run("mkfs.ext4", ["-q", "-m0", "-E", "lazy_itable_init=0,lazy_journal_init=0", "/dev/mapper/by-hand"]);
      await run("cryptsetup", ["close", "by-hand"]);
      await run("fusermount3", ["-u", mounted]);
    },
    backup: () => withFiles(() => run("rsync", ["-a", "--delete", `${source}/`, `${opened}/`])),
    restoreOne: () => withFiles(() => run("cp", ["-a", join(opened, one), target])),
    restoreAll: () => withFiles(() => run("rsync", ["-a", `${opened}/`, `${target}/`])),
  };
}

async function must(followed: Promise<Followed>): Promise<void> {
  const { run: ended, events } = await followed;
  const started = events[0]?.time?.getTime() ?? 0;
  for (const { kind, time } of values.trace ? events : []) {
    const step = kind?.$case === "stepBegan" || kind?.$case === "stepEnded" ? `${kind.$case} ${kind.value.step}` : "";
    if (step !== "") process.stderr.write(`${((time?.getTime() ?? 0) - started) / 1000} ${step}\n`);
  }
  if (ended.state !== RunState.DONE) throw new Error(ended.error?.message ?? "it did not end well");
}

/** From the call to the run's end. The command line's own start is Node's: 0.05 s on a real machine, 2 s emulated. */
function luksmith(agent: LabAgent): Tool {
  return {
    name: "luksmith",
    rounds,
    create: () => must(agent.create("home")),
    backup: () => must(agent.backup("files")),
    restoreOne: () => must(agent.restore("files", target, { paths: [Buffer.from(join(source, one))] })),
    restoreAll: () => must(agent.restore("files", target)),
  };
}

function restic(): Tool {
  const env = {
    RESTIC_PASSWORD: "bench",
    RESTIC_REPOSITORY: `sftp:${host.user}@${host.address}:images/restic`,
    HOME: "/root",
    RESTIC_CACHE_DIR: "/run/restic-cache",
  };
  const call = (...args: string[]) => run("restic", ["--quiet", ...args], env);
  return {
    name: "restic",
    rounds: 1,
    create: () => call("init"),
    backup: () => call("backup", source),
    restoreOne: () => call("restore", "latest", "--target", target, "--include", join(source, one)),
    restoreAll: () => call("restore", "latest", "--target", target),
  };
}

function borg(): Tool {
  const repository = `${host.user}@${host.address}:images/borg`;
  const env = { BORG_PASSPHRASE: "bench", BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes", HOME: "/root" };
  let count = 0;
  return {
    name: "borg",
    rounds: 1,
    create: () => run("borg", ["init", "-e", "repokey", repository], env),
    backup: () => {
      count += 1;
      return run("borg", ["create", `${repository}::a${count}`, source], env);
    },
    restoreOne: () => extract(join(source, one).slice(1)),
    restoreAll: () => extract(),
  };
  async function extract(...paths: string[]): Promise<void> {
    await exec("borg", ["extract", `${repository}::a${count}`, ...paths], {
      cwd: target,
      env: { ...process.env, ...env },
    });
  }
}

/** Plain copies in the clear on the host: what encryption and snapshots cost is the distance from it. */
function rsync(): Tool {
  const remote = `${host.user}@${host.address}:images/rsync/`;
  return {
    name: "rsync, plain",
    rounds: 1,
    backup: () => run("rsync", ["-a", "--delete", `${source}/`, remote]),
    restoreOne: () => run("rsync", ["-a", `${remote}${one}`, target]),
    restoreAll: () => run("rsync", ["-a", remote, `${target}/`]),
  };
}

async function change(): Promise<void> {
  for (let index = 0; index < files / 100; index += 1) {
    const number = index * 100 + 50;
    await writeFile(join(source, `d${Math.floor(number / 100)}`, `f${number}`), randomBytes(6000));
  }
}

async function inTurn(tools: readonly Tool[], work: (tool: Tool) => Promise<void>, before?: () => Promise<void>) {
  for (let round = 0; round < rounds; round += 1) {
    await before?.();
    for (const tool of tools) if (round < tool.rounds) await work(tool);
  }
}

/** Into an empty directory, with nothing in the page cache. */
async function measureRestore(tool: string, row: string, rttMs: number, work: () => Promise<void>): Promise<void> {
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  await exec("sync");
  await writeFile("/proc/sys/vm/drop_caches", "3");
  await measure(tool, row, rttMs, work);
}

/** As cryptsetup finds it out: cryptsetup(8), --iter-time. */
async function iterationsOf(seconds: number): Promise<number> {
  const image = "/tmp/kdf.luks";
  const key = "/tmp/kdf.key";
  await writeFile(key, randomBytes(64), { mode: 0o400 });
  await exec("truncate", ["--size=32M", image]);
  const pbkdf = ["--pbkdf", "pbkdf2", "--iter-time", `${seconds * 1000}`];
  await exec("cryptsetup", ["luksFormat", "--batch-mode", ...pbkdf, image, key]);
  const { stdout } = await exec("cryptsetup", ["luksDump", image]);
  for (const path of [image, key]) await rm(path);
  // the first is the key slot's, the second the digest's
  return Number(/^\s*Iterations:\s*(\d+)/m.exec(stdout)?.[1]);
}

async function bench(rttMs: number): Promise<void> {
  host = await SecondHost.create({ identityFile, shell: true });
  await rm(source, { recursive: true, force: true });
  await makeManyFiles(source, files, 6000);
  for (const name of ["large-1", "large-2"]) await writeFile(join(source, name), randomBytes(10 * 2 ** 20));
  await mkdir("/root/.ssh", { recursive: true, mode: 0o700 });
  await writeFile(
    "/root/.ssh/config",
    `Host ${host.address}\n  IdentityFile ${identityFile}\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n`,
  );
  await LabAgent.forget();
  if (values.trace) process.env.LUKSMITH_LAB_VERBOSE = "yes";
  const agent = await LabAgent.start(`${remoteLine(host)}
volumes: { home: { remote: vault, image: home.luks, size: ${imageMiB}M, kdf: { type: pbkdf2, iterations: ${kdfIterations} } } }
jobs: { files: { volume: home, sources: [${source}] } }
log: { level: ${values.trace ? "debug" : "info"} }
`);
  await agent.trust();
  await host.setLink({ rttMs });
  const wanted = values.tools === "" ? undefined : values.tools.split(",");
  const tools = [byHand(), luksmith(agent), restic(), borg(), rsync()].filter(
    ({ name }) => wanted === undefined || wanted.includes(name),
  );
  for (const tool of tools) {
    if (tool.create) await measure(tool.name, "create", rttMs, tool.create);
    await measure(tool.name, "first backup", rttMs, tool.backup);
  }
  await inTurn(tools, async (tool) => measure(tool.name, "nothing changed", rttMs, tool.backup));
  await inTurn(tools, async (tool) => measure(tool.name, "1 % changed", rttMs, tool.backup), change);
  await inTurn(tools, async (tool) => measureRestore(tool.name, "restore one file", rttMs, tool.restoreOne));
  await inTurn(tools, async (tool) => measureRestore(tool.name, "restore all", rttMs, tool.restoreAll));
  await agent.stop();
  await host[Symbol.asyncDispose]();
  await assertNothingLeft();
}

if (Number(values["kdf-seconds"]) > 0) kdfIterations = await iterationsOf(Number(values["kdf-seconds"]));
process.stdout.write(`${JSON.stringify({ programStartMs: await programStartMs() })}\n`);
for (const rtt of values.rtt.split(",")) await bench(Number(rtt));
