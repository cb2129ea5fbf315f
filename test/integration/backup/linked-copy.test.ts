import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { canBeLinked, linkedCopy } from "../../../agent/backup/linked-copy.ts";
import { selectionArgs } from "../../../agent/backup/selection.ts";
import type { SourcedJob } from "../../../agent/backup/sourced-job.ts";
import { copy } from "../../../agent/tools/rsync.ts";
import { itemFormat, type RsyncStats } from "../../../agent/tools/rsync-output.ts";
import { systemClock } from "../../../common/clock.ts";
import { makeExec } from "../../../common/exec.ts";
import { at, latin1, oddNames, rootOnly, scratch } from "../tools/scratch.ts";

const { exec } = makeExec();
const host = { exec, clock: systemClock };
/** What happens to the machine when a step begins. */
let meanwhile: Record<string, () => void> = {};
const run = {
  step: <T>(name: string, work: () => Promise<T>) => {
    meanwhile[name]?.();
    return work();
  },
  progress: () => undefined,
};
const never = new AbortController().signal;

const deleting = ["--delete", "--delete-excluded"];

/** A machine with one job, and its snapshots, made as a backup makes them. */
class Machine {
  readonly source: string;
  readonly snapshots: string;
  exclude: string[] = [];
  sources: string[];
  #count = 0;

  constructor(context: TestContext) {
    const directory = scratch(context);
    this.source = join(directory, "source");
    this.snapshots = join(directory, "snapshots");
    mkdirSync(this.source);
    mkdirSync(this.snapshots);
    this.sources = [this.source];
    meanwhile = {};
  }

  get job(): SourcedJob {
    return {
      name: "job",
      volume: "volume",
      sources: this.sources,
      exclude: this.exclude,
      oneFileSystem: false,
      before: [],
      after: [],
      bandwidthLimit: undefined,
    } as unknown as SourcedJob;
  }

  get #selection(): string[] {
    return selectionArgs(this.job, "/run/luksmith");
  }

  get newest(): string {
    return join(this.snapshots, `${this.#count}`);
  }

  /** As rsync alone does it: what the other way has to come to. */
  async backupByRsync(base: string | undefined, to: string): Promise<void> {
    const links = base === undefined ? [] : [`--link-dest=${base}`];
    const args = [...this.#selection, ...deleting, ...links, "--", ...this.job.sources, `${to}/`];
    mkdirSync(to, { recursive: true });
    await copy(exec, { args, onComplaint: (message) => assert.fail(message) }, never);
  }

  /** @returns whether it was done by links */
  async backup(): Promise<boolean> {
    const base = this.#count === 0 ? undefined : this.newest;
    this.#count += 1;
    let recorded: RsyncStats | undefined;
    if (base !== undefined) {
      const spec = {
        job: this.job,
        selection: this.#selection,
        base,
        partial: this.newest,
        beside: async (stats: RsyncStats) => {
          recorded = stats;
        },
        onSettled: () => undefined,
      };
      const result = canBeLinked(this.sources) ? await linkedCopy(host, spec, run, never) : undefined;
      if (result !== undefined) {
        assert.deepEqual(recorded, result.stats, "what is written down is what was done");
        return true;
      }
      assert.equal(existsSync(this.newest), false, "what was not done leaves nothing behind");
    }
    await this.backupByRsync(base, this.newest);
    return false;
  }

  /**
   * What rsync would still change in the newest snapshot, content compared; but for the directory of temporary files, whose
   * time others on this machine change.
   */
  async differences(): Promise<string[]> {
    const lines: string[] = [];
    const args = ["--dry-run", "--checksum", `--out-format=${itemFormat}`, ...this.#selection, ...deleting, "--"];
    await copy(
      exec,
      {
        args: [...args, ...this.job.sources, `${this.newest}/`],
        onLine: (line) => lines.push(line.toString("latin1")),
        onComplaint: (message) => assert.fail(message),
      },
      never,
    );
    const shared = `${dirname(dirname(this.source))}/`;
    return lines.filter((line) => !line.endsWith(` ${shared}`));
  }

  /** Everything that can be known of every file in all snapshots but the newest. */
  olderContent(): Map<string, string> {
    const all = new Map<string, string>();
    for (let number = 1; number < this.#count; number += 1)
      describe(Buffer.from(join(this.snapshots, `${number}`)), all);
    return all;
  }
}

function describe(path: Buffer, into: Map<string, string>): void {
  const stat = lstatSync(path, { bigint: true });
  const content = stat.isFile()
    ? createHash("sha256").update(readFileSync(path)).digest("hex")
    : stat.isSymbolicLink()
      ? readlinkSync(path, "latin1")
      : "";
  const { mode, uid, gid, size, mtimeNs, rdev } = stat;
  into.set(path.toString("latin1"), [mode, uid, gid, stat.isDirectory() ? 0 : size, mtimeNs, rdev, content].join(" "));
  if (stat.isDirectory()) {
    for (const name of readdirSync(path, { encoding: "buffer" })) describe(below(path, name), into);
  }
}

const below = (directory: Buffer, name: Buffer) => Buffer.concat([directory, Buffer.from("/"), name]);
const inode = (path: string) => lstatSync(path).ino;

test("what is unchanged is shared, what is changed in any way is not", rootOnly, async (context) => {
  const machine = new Machine(context);
  const { source } = machine;
  for (const name of ["same", "content", "mode", "owner", "time", "gone"]) writeFileSync(join(source, name), name);
  symlinkSync("here", join(source, "link"));
  symlinkSync("there", join(source, "moved-link"));
  await machine.backup();
  writeFileSync(join(source, "content"), "another");
  chmodSync(join(source, "mode"), 0o600);
  chownSync(join(source, "owner"), 1234, 1234);
  lutimesSync(join(source, "time"), 1e9, 1e9);
  rmSync(join(source, "gone"));
  rmSync(join(source, "moved-link"));
  symlinkSync("elsewhere", join(source, "moved-link"));
  writeFileSync(join(source, "new"), "new");
  assert.ok(await machine.backup());
  assert.deepEqual(await machine.differences(), []);
  const [older, newer] = ["1", "2"].map((name) => join(machine.snapshots, name, source));
  const shared = (name: string) => inode(`${older}/${name}`) === inode(`${newer}/${name}`);
  for (const name of ["same", "link"]) assert.ok(shared(name), name);
  for (const name of ["content", "mode", "owner", "time", "moved-link"]) assert.ok(!shared(name), name);
  assert.ok(existsSync(`${older}/gone`) && !existsSync(`${newer}/gone`));
  assert.equal(readFileSync(`${older}/content`, "utf8"), "content");
  assert.equal(lstatSync(`${older}/mode`).mode & 0o777, 0o644);
  assert.equal(lstatSync(`${older}/owner`).uid, 0);
});

test("what a link of the older snapshot leads to is not touched", rootOnly, async (context) => {
  const machine = new Machine(context);
  const { source } = machine;
  const live = join(source, "..", "live");
  mkdirSync(join(live, "deep"), { recursive: true });
  writeFileSync(join(live, "file"), "precious");
  writeFileSync(join(live, "deep", "file"), "precious");
  symlinkSync(live, join(source, "d"));
  await machine.backup();
  rmSync(join(source, "d"));
  mkdirSync(join(source, "d", "deep"), { recursive: true });
  writeFileSync(join(source, "d", "file"), "other");
  writeFileSync(join(source, "d", "deep", "file"), "other");
  assert.ok(await machine.backup());
  assert.deepEqual(await machine.differences(), []);
  assert.equal(readFileSync(join(live, "file"), "utf8"), "precious");
  assert.equal(readFileSync(join(live, "deep", "file"), "utf8"), "precious");
  rmSync(join(source, "d"), { recursive: true });
  symlinkSync(live, join(source, "d"));
  assert.ok(await machine.backup());
  assert.deepEqual(await machine.differences(), []);
  assert.equal(readFileSync(join(live, "file"), "utf8"), "precious");
});

test("changes of hard links are left to rsync, which keeps them together", rootOnly, async (context) => {
  const machine = new Machine(context);
  const { source } = machine;
  writeFileSync(join(source, "a"), "one");
  linkSync(join(source, "a"), join(source, "b"));
  writeFileSync(join(source, "c"), "two");
  await machine.backup();
  assert.ok(await machine.backup(), "unchanged ones are no obstacle");
  assert.deepEqual(await machine.differences(), []);
  const changes: [string, () => void][] = [
    ["its mode", () => chmodSync(join(source, "a"), 0o600)],
    ["its content", () => writeFileSync(join(source, "b"), "three")],
    ["a third name", () => linkSync(join(source, "a"), join(source, "z"))],
    ["a new name of what was alone", () => linkSync(join(source, "c"), join(source, "cc"))],
  ];
  for (const [what, change] of changes) {
    change();
    const before = machine.olderContent();
    assert.equal(await machine.backup(), false, what);
    assert.deepEqual(await machine.differences(), [], what);
    for (const [path, described] of before) assert.equal(machine.olderContent().get(path), described, what);
  }
  rmSync(join(source, "z"));
  assert.ok(await machine.backup(), "one name less needs no copy");
  assert.deepEqual(await machine.differences(), []);
});

test("an exclude that comes takes files out, one that goes brings them in", rootOnly, async (context) => {
  const machine = new Machine(context);
  mkdirSync(join(machine.source, "d"));
  for (const name of ["d/x.o", "d/y.c"]) writeFileSync(join(machine.source, name), name);
  lutimesSync(join(machine.source, "d"), 1e9, 1e9);
  await machine.backup();
  machine.exclude = ["*.o"];
  assert.ok(await machine.backup());
  assert.deepEqual(await machine.differences(), []);
  const directory = `${machine.newest}${machine.source}/d`;
  assert.deepEqual(readdirSync(directory), ["y.c"]);
  assert.equal(lstatSync(directory).mtimeMs, 1e12, "the directory has the time that it has on the machine");
  machine.exclude = [];
  assert.ok(await machine.backup());
  assert.deepEqual(await machine.differences(), []);
});

test("what happens between the look and the copy alters no finished snapshot", rootOnly, async (context) => {
  const machine = new Machine(context);
  const { source } = machine;
  for (const name of ["changed", "quiet"]) writeFileSync(join(source, name), name);
  await machine.backup();
  writeFileSync(join(source, "changed"), "again");
  const before = machine.olderContent();
  describe(Buffer.from(machine.newest), before);
  meanwhile.copy = () => {
    for (const name of ["changed", "quiet"]) chmodSync(join(source, name), 0o600);
    writeFileSync(join(source, "late"), "came after the look");
  };
  assert.ok(await machine.backup());
  const after = machine.olderContent();
  for (const [path, described] of before) assert.equal(after.get(path), described, path);
  assert.equal(existsSync(`${machine.newest}${source}/late`), false, "the next one's");
  meanwhile = {};
  assert.ok(await machine.backup());
  assert.deepEqual(await machine.differences(), []);
});

test("a parent that becomes a link after the look leads nowhere", rootOnly, async (context) => {
  const machine = new Machine(context);
  const { source } = machine;
  const closed = join(source, "..", "closed");
  mkdirSync(join(closed, "open"), { recursive: true });
  chmodSync(closed, 0o700);
  writeFileSync(join(closed, "open", "f"), "somebody else's secret");
  mkdirSync(join(source, "d"));
  writeFileSync(join(source, "d", "f"), "mine");
  await machine.backup();
  writeFileSync(join(source, "d", "f"), "mine, changed");
  meanwhile.copy = () => {
    renameSync(join(source, "d"), join(source, "moved"));
    symlinkSync(join(closed, "open"), join(source, "d"));
  };
  await machine.backup();
  const everything = new Map<string, string>();
  describe(Buffer.from(machine.newest), everything);
  const secret = createHash("sha256").update("somebody else's secret").digest("hex");
  assert.ok(![...everything.values()].some((described) => described.includes(secret)));
});

test("what has gone or moved since the look is a case for rsync, which finds it", rootOnly, async (context) => {
  const machine = new Machine(context);
  const { source } = machine;
  writeFileSync(join(source, "old"), "old");
  await machine.backup();
  writeFileSync(join(source, "new"), "new");
  meanwhile.copy = () => renameSync(join(source, "new"), join(source, "renamed"));
  assert.equal(await machine.backup(), false);
  assert.deepEqual(await machine.differences(), []);
});

test("a file that becomes a directory meanwhile is no directory without content", rootOnly, async (context) => {
  const machine = new Machine(context);
  const { source } = machine;
  writeFileSync(join(source, "P"), "file");
  await machine.backup();
  writeFileSync(join(source, "P"), "changed");
  meanwhile.copy = () => {
    rmSync(join(source, "P"), { recursive: true });
    mkdirSync(join(source, "P"));
    writeFileSync(join(source, "P", "in"), "in");
  };
  assert.equal(await machine.backup(), false);
  assert.deepEqual(await machine.differences(), []);
});

test("attributes that cp leaves out are on every snapshot's directories", rootOnly, async (context) => {
  const machine = new Machine(context);
  mkdirSync(join(machine.source, "d"));
  const set = { file: "setfattr", args: ["-n", "user.Beagle.x", "-v", "1", join(machine.source, "d")] };
  const { exitCode } = await exec(set).catch(() => ({ exitCode: 1 }));
  if (exitCode !== 0) return context.skip("no setfattr here, or no extended attributes");
  await machine.backup();
  assert.ok(await machine.backup());
  assert.deepEqual(await machine.differences(), []);
});

test("what is no longer in the selection does not stay", rootOnly, async (context) => {
  const machine = new Machine(context);
  const { source } = machine;
  for (const name of ["a", "b"]) {
    mkdirSync(join(source, name));
    writeFileSync(join(source, name, "f"), name);
  }
  machine.sources = [join(source, "a"), join(source, "b")];
  await machine.backup();
  assert.ok(await machine.backup());
  machine.sources = [join(source, "a")];
  assert.equal(await machine.backup(), false);
  assert.equal(existsSync(`${machine.newest}${source}/b`), false);
  machine.sources = [join(source, "a"), join(source, "a", "f")];
  await machine.backup();
  assert.deepEqual(await machine.differences(), []);
});

test("a source that is reached through a link", rootOnly, async (context) => {
  const machine = new Machine(context);
  const { source } = machine;
  mkdirSync(join(source, "data", "home", "u"), { recursive: true });
  writeFileSync(join(source, "data", "home", "u", "f"), "f");
  symlinkSync("data/home", join(source, "home"));
  machine.sources = [join(source, "home", "u")];
  await machine.backup();
  mkdirSync(join(source, "data", "home", "another"));
  assert.ok(await machine.backup());
  assert.deepEqual(await machine.differences(), []);
});

test("names that are patterns to rsync are names", rootOnly, async (context) => {
  const machine = new Machine(context);
  const { source } = machine;
  const odd = ["*", "a?c", "[ab]", "back\\slash", "back\\*star", "**", "- dash", "+ plus", "!", "#", "sp ace"];
  for (const name of odd) {
    mkdirSync(join(source, name));
    for (const inner of [...odd, "abc", "a", "b"]) writeFileSync(join(source, name, inner), inner);
  }
  await machine.backup();
  for (const name of odd) writeFileSync(join(source, name, name), "changed");
  const touched = join(source, "abc");
  writeFileSync(touched, "new");
  assert.ok(await machine.backup());
  assert.deepEqual(await machine.differences(), []);
});

/** A small generator whose seed is in the message of a failure. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const names = [...oddNames.filter((name) => name.length < 40), ...["a", "b", "c", "[a]", "b?", "\\*"].map(latin1)];

/** Does something to a tree that people and programs do to trees. */
function mutate(root: string, outside: string, pick: (below: number) => number): void {
  const directories: Buffer[] = [];
  const others: Buffer[] = [];
  const visit = (path: Buffer) => {
    directories.push(path);
    for (const entry of readdirSync(path, { encoding: "buffer" })) {
      const child = below(path, entry);
      if (lstatSync(child).isDirectory()) visit(child);
      else others.push(child);
    }
  };
  visit(Buffer.from(root));
  const any = <T>(of: readonly T[]): T => of[pick(of.length)] as T;
  const fresh = () => below(any(directories), any(names));
  const clear = (path: Buffer) => rmSync(path, { recursive: true, force: true });
  const make: (() => void)[] = [
    () => {
      const path = fresh();
      clear(path);
      writeFileSync(path, `${pick(1e9)}`.repeat(pick(40)));
    },
    () => {
      const path = fresh();
      clear(path);
      mkdirSync(path);
      writeFileSync(below(path, Buffer.from("in")), "in it");
    },
    () => {
      const path = fresh();
      clear(path);
      symlinkSync(pick(2) === 0 ? outside : `${pick(100)}`, path);
    },
    () => {
      if (directories.length > 1) clear(directories[1 + pick(directories.length - 1)] as Buffer);
    },
  ];
  const change: (() => void)[] = [
    () => clear(any(others)),
    () => {
      const path = any(others);
      if (lstatSync(path).isFile()) writeFileSync(path, `${pick(1e9)}`);
    },
    () => {
      const path = any(others);
      if (lstatSync(path).isFile()) chmodSync(path, 0o400 + pick(0o400));
    },
    () => {
      const path = any(others);
      lutimesSync(path, 1e9 + pick(1e6) + 0.5, 1e9 + pick(1e6) + 0.25);
    },
    () => chmodSync(any(directories), 0o700 + pick(0o100)),
    () => chownSync(any(directories), pick(3), pick(3)),
    () => {
      const [from, to] = [any(others), fresh()];
      clear(to);
      if (existsSync(from)) renameSync(from, to);
    },
    () => {
      const [from, to] = [any(others), fresh()];
      if (pick(4) > 0 || from.equals(to)) return;
      clear(to);
      if (existsSync(from) && lstatSync(from).isFile()) linkSync(from, to);
    },
  ];
  const deeds = others.length === 0 ? make : [...make, ...change];
  any(deeds)();
}

for (const seed of [1, 2, 3, 4]) {
  test(
    `whatever is done to a tree, the snapshot is the tree and the older ones stay (${seed})`,
    rootOnly,
    async (context) => {
      const machine = new Machine(context);
      const outside = join(machine.source, "..", "outside");
      mkdirSync(outside);
      for (const name of names) writeFileSync(at(outside, name), "precious");
      const precious = new Map<string, string>();
      describe(Buffer.from(outside), precious);
      const pick = random(seed);
      for (let index = 0; index < 40; index += 1) mutate(machine.source, outside, pick);
      await machine.backup();
      // every file of every snapshot, as it was when the snapshot was new
      let known = new Map<string, string>();
      let linked = 0;
      const rounds = 12;
      for (let round = 0; round < rounds; round += 1) {
        for (let count = pick(8); count >= 0; count -= 1) mutate(machine.source, outside, pick);
        if (await machine.backup()) linked += 1;
        assert.deepEqual(await machine.differences(), [], `round ${round}`);
        const older = machine.olderContent();
        for (const [path, described] of known) assert.equal(older.get(path), described, `round ${round}: ${path}`);
        known = older;
        describe(Buffer.from(machine.newest), known);
        const now = new Map<string, string>();
        describe(Buffer.from(outside), now);
        assert.deepEqual(now, precious, "nothing outside is touched");
      }
      assert.ok(linked >= rounds / 3, `only ${linked} of ${rounds} were done by links`);
    },
  );
}
