/**
 * The benchmark, inside the lab: the recipe typed by hand, luksmith over each of its transports, and what people would use
 * instead, on the same link with the same files in the same run. Prints one JSON line a measurement; the host makes the
 * tables.
 *
 * The machine that emulates the lab is seldom quiet, and grows slower and faster by half within a minute. So each thing is
 * done tool by tool in turn, and when several rounds are asked for, the best of them counts.
 */

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { blockedTasks } from "./bench/blocked-tasks.ts";
import { borg } from "./bench/borg.ts";
import { byHand } from "./bench/by-hand.ts";
import { emptied, type FileSet, fewBig, manySmall } from "./bench/file-set.ts";
import { FreshState } from "./bench/fresh-state.ts";
import { luksmith, ways } from "./bench/luksmith.ts";
import { MemoryWatch } from "./bench/memory-watch.ts";
import { plainRsync } from "./bench/plain-rsync.ts";
import { restic } from "./bench/restic.ts";
import { cellDeadlineMs, type Place, type Tool } from "./bench/tool.ts";
import { DeadlineError, withDeadline } from "./harness/deadline.ts";
import { identityFile } from "./harness/lab-agent.ts";
import { assertNothingLeft } from "./harness/leak-check.ts";
import { nbdServerStartMs } from "./harness/nbd-server-start.ts";
import { programStartMs } from "./harness/program-start.ts";
import { SecondHost, shellIdentity } from "./harness/second-host.ts";

const exec = promisify(execFile);
const source = "/srv/bench";
const target = "/srv/bench-restored";
const imageMiB = 256;
const failureLength = 300;
/** The wire is one that the helper trusts. */
const helperConfig = `machines:
  ${SecondHost.user}: { directory: /srv/luksmith-lab, trustedWire: [10.99.0.1/32] }
direct: { address: ${SecondHost.address} }
`;
const rowNames = ["first backup", "nothing changed", "1 % changed", "restore of one file", "restore of all"] as const;
type Row = (typeof rowNames)[number];

const { values } = parseArgs({
  options: {
    rtt: { type: "string", default: "0,20,50" },
    /** Of "small" and "big". */
    sets: { type: "string", default: "small,big" },
    tools: { type: "string", default: "" },
    /** The first backup is done in any case. */
    rows: { type: "string", default: "" },
    files: { type: "string", default: "3000" },
    /** How often each thing but the first backup is done. */
    rounds: { type: "string", default: "1" },
    /** What a key derivation takes on this machine; 0: as short as it can be. */
    "kdf-seconds": { type: "string", default: "0.5" },
    /** Prints what each program took, ours in the agent's log, to see where the time goes. */
    trace: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const sets: Readonly<Record<string, FileSet>> = { small: manySmall(Number(values.files)), big: fewBig() };

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** What is the same for all measurements on one link. */
interface Scene {
  readonly place: Place;
  readonly set: FileSet;
  readonly rttMs: number;
  /** Why a tool cannot be measured any more. */
  readonly broken: Map<Tool, string>;
}

/** @param check that what was asked for was done; not measured */
async function measure(
  { place, set, rttMs, broken }: Scene,
  tool: Tool,
  row: Row,
  work: () => Promise<unknown>,
  check: () => Promise<unknown> = async () => undefined,
): Promise<void> {
  const about = { set: set.name, rttMs, tool: tool.name, row };
  const earlier = broken.get(tool);
  if (earlier !== undefined) {
    print({ ...about, seconds: 0, sent: 0, received: 0, memory: 0, failed: earlier });
    return;
  }
  if (place.trace) process.stderr.write(`--- ${tool.name}: ${row}\n`);
  const before = await place.host.wireBytes();
  const memory = await MemoryWatch.begin(tool.residents?.() ?? []);
  const began = performance.now();
  let failed: string | undefined;
  const note = (error: unknown) => {
    failed = String(error instanceof Error ? error.message : error).slice(0, failureLength);
  };
  await withDeadline(work(), cellDeadlineMs, row).catch(async (error: unknown) => {
    note(error);
    if (!(error instanceof DeadlineError)) return;
    // what cannot be found out is not the end of the benchmark either
    process.stderr.write(`${tool.name}: ${failed}\n${await blockedTasks().catch(String)}\n`);
    await tool.giveUp?.();
  });
  const seconds = (performance.now() - began) / 1000;
  const peak = await memory.end();
  const after = await place.host.wireBytes();
  if (failed === undefined) await check().catch(note);
  const wire = { sent: after.sent - before.sent, received: after.received - before.received };
  const opening = failed === undefined && tool.opening !== undefined ? { opening: tool.opening() } : {};
  print({ ...about, seconds, ...opening, ...wire, memory: peak, ...(failed === undefined ? {} : { failed }) });
  if (failed !== undefined && row === "first backup") broken.set(tool, `no first backup: ${failed}`);
}

/** As long as it takes for all of it to be on the host's disk, for those that do not see to it themselves. */
async function durably(place: Place, work: () => Promise<unknown>): Promise<void> {
  await work();
  await exec("sync", ["--file-system", place.host.storagePath]);
}

/** Into an empty directory, with nothing in the page cache. */
async function cold(): Promise<void> {
  await emptied(target);
  await exec("sync");
  await writeFile("/proc/sys/vm/drop_caches", "3");
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

function chosenTools(place: Place): Tool[] {
  const all = [
    byHand(place),
    ...ways.map((way) => luksmith(place, way)),
    plainRsync(place),
    restic(place),
    borg(place),
  ];
  const wanted = values.tools.split(",").filter(Boolean);
  const unknown = wanted.find((name) => !all.some((tool) => tool.name === name));
  if (unknown !== undefined)
    throw new Error(`there is no tool "${unknown}": ${all.map(({ name }) => name).join(", ")}`);
  return all.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
}

function isWanted(row: Row): boolean {
  const wanted = values.rows.split(",").filter(Boolean);
  return wanted.length === 0 || wanted.includes(row);
}

/** Nothing of an earlier one is there: no keys, no state, no caches. */
async function forget(): Promise<void> {
  const names = ["/var/lib/luksmith", ...ways.map(({ name }) => `/var/lib/luksmith-${name.split(" ")[1]}`)];
  for (const path of [...names, "/etc/luksmith/keys", "/run/bench-restic-cache", "/run/bench-borg", source]) {
    await rm(path, { recursive: true, force: true });
  }
}

async function writeSshConfig({ address }: SecondHost): Promise<void> {
  await mkdir("/root/.ssh", { recursive: true, mode: 0o700 });
  const options = [
    `IdentityFile ${shellIdentity(identityFile)}`,
    "StrictHostKeyChecking no",
    "UserKnownHostsFile /dev/null",
    "LogLevel ERROR",
  ];
  await writeFile("/root/.ssh/config", [`Host ${address}`, ...options.map((option) => `  ${option}`), ""].join("\n"));
}

/** Those that cannot be set up are told, and measured no further. */
async function setUp(place: Place, tools: readonly Tool[], broken: Map<Tool, string>): Promise<FreshState[]> {
  const fresh: FreshState[] = [];
  for (const tool of tools) {
    const began = performance.now();
    await withDeadline(tool.setUp(), cellDeadlineMs, "the set-up").catch((error: Error) =>
      broken.set(tool, error.message.slice(0, failureLength)),
    );
    fresh.push(await FreshState.keep(join(place.host.storagePath, "fresh", tool.name), tool.state));
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    process.stderr.write(`set up ${tool.name}: ${broken.get(tool) ?? `${seconds} s`}\n`);
  }
  return fresh;
}

async function benchAll(kdfIterations: number): Promise<void> {
  await forget();
  await using host = await SecondHost.create({
    identityFile,
    shell: true,
    helper: { config: helperConfig, firewall: true },
  });
  await writeSshConfig(host);
  const place: Place = { host, source, target, imageMiB, kdfIterations, trace: values.trace };
  const tools = chosenTools(place);
  const cannot = new Map<Tool, string>();
  await mkdir(source, { recursive: true });
  try {
    const fresh = await setUp(place, tools, cannot);
    for (const name of values.sets.split(",")) {
      const set = sets[name];
      if (set === undefined) throw new Error(`there is no set "${name}": ${Object.keys(sets).join(", ")}`);
      for (const rtt of values.rtt.split(",")) {
        const rttMs = Number(rtt);
        await host.setLink({ rttMs: 0 });
        for (const state of fresh) await state.putBack();
        await emptied(source);
        await set.make(source);
        await host.setLink({ rttMs });
        await bench({ place, set, rttMs, broken: new Map(cannot) }, tools);
      }
    }
  } finally {
    for (const tool of tools)
      await tool.tearDown?.().catch((error: Error) => process.stderr.write(`${error.message}\n`));
  }
}

async function bench(scene: Scene, tools: readonly Tool[]): Promise<void> {
  const { place, set } = scene;
  const { one } = set;
  const eachRound = async (row: Row, work: (tool: Tool) => Promise<void>, before?: () => Promise<void>) => {
    if (!isWanted(row)) return;
    for (let round = 0; round < rounds; round += 1) {
      await before?.();
      for (const tool of tools) await work(tool);
    }
  };
  const backup = (row: Row) => (tool: Tool) => measure(scene, tool, row, () => durably(place, tool.backup));
  for (const tool of tools) await backup("first backup")(tool);
  await eachRound("nothing changed", backup("nothing changed"));
  await eachRound("1 % changed", backup("1 % changed"), () => set.change(source));
  await eachRound("restore of one file", async (tool) => {
    await cold();
    const isThere = () => exec("cmp", [join(source, one), tool.oneRestoredTo(one)]);
    await measure(scene, tool, "restore of one file", () => tool.restoreOne(one), isThere);
  });
  await eachRound("restore of all", async (tool) => {
    await cold();
    const areThere = () => exec("diff", ["--recursive", "--brief", source, tool.restoredTo]);
    await measure(scene, tool, "restore of all", tool.restoreAll, areThere);
  });
}

/** What was measured with, as it says of itself. */
async function versions(): Promise<Record<string, string>> {
  const first = async (file: string, ...args: string[]) => {
    const { stdout, stderr } = await exec(file, args);
    // sshfs names the version of fusermount3 before its own
    const own = `${stdout}${stderr}`.replace(/^fusermount3.*$/gm, "");
    return /\d+(\.\d+)+[\w.+-]*/.exec(own)?.[0] ?? "";
  };
  return {
    Linux: await first("uname", "-r"),
    cryptsetup: await first("cryptsetup", "--version"),
    sshfs: await first("sshfs", "--version"),
    OpenSSH: await first("ssh", "-V"),
    "nbd-server": await first("nbd-server", "--version").catch(() => "none"),
    rsync: await first("rsync", "--version"),
    restic: await first("restic", "version"),
    borg: await first("borg", "--version"),
  };
}

for (const module of ["nbd", "nf_tables"]) await exec("modprobe", [module]);
const kdfSeconds = Number(values["kdf-seconds"]);
const kdfIterations = kdfSeconds > 0 ? await iterationsOf(kdfSeconds) : 1000;
print({
  programStartMs: await programStartMs(),
  nbdServerStartMs: await nbdServerStartMs(),
  versions: await versions(),
});
await benchAll(kdfIterations);
await assertNothingLeft();
