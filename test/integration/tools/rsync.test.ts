import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { archiveArgs, type CopyResult, type CopySpec, copy } from "../../../agent/tools/rsync.ts";
import { itemFormat, parseItem, type RsyncItem, type RsyncProgress } from "../../../agent/tools/rsync-output.ts";
import { systemClock } from "../../../common/clock.ts";
import { makeExec, mustRun } from "../../../common/exec.ts";
import { waitUntil } from "../../../common/wait-until.ts";
import { at, latin1, nobody, oddNames, rootOnly, scratch, sorted, writeFile } from "./scratch.ts";

const { exec } = makeExec();

interface Complaint {
  readonly message: string;
  readonly path: string | undefined;
}

/** What a copy said while it ran. */
class Witness {
  readonly complaints: Complaint[] = [];
  readonly items: RsyncItem[] = [];
  readonly progress: RsyncProgress[] = [];

  spec(args: readonly string[], more: Partial<CopySpec> = {}): CopySpec {
    return {
      args: [...archiveArgs, ...args],
      onComplaint: (message, path) => this.complaints.push({ message, path: path?.toString("latin1") }),
      onLine: (line) => this.items.push(parseItem(line) ?? assert.fail(`not an item: ${JSON.stringify(`${line}`)}`)),
      onProgress: (progress) => this.progress.push(progress),
      ...more,
    };
  }
}

const never = () => new AbortController().signal;

function directories(context: TestContext): { from: string; to: string } {
  const directory = scratch(context);
  const [from, to] = [join(directory, "from"), join(directory, "to")];
  mkdirSync(from);
  mkdirSync(to);
  return { from, to };
}

const namesIn = (directory: string) => sorted(readdirSync(directory, { encoding: "buffer" }));

test("names of any kind arrive, and are named byte for byte", async (context) => {
  const { from, to } = directories(context);
  for (const name of oddNames) writeFile(at(from, name), "four");
  const witness = new Witness();
  const result = await copy(exec, witness.spec([`--out-format=${itemFormat}`, "--", `${from}/`, `${to}/`]), never());
  assert.deepEqual(namesIn(to), sorted(oddNames));
  const files = witness.items.filter((item) => item.changes === ">f+++++++++");
  assert.deepEqual(sorted(files.map((item) => item.path)), sorted(oddNames));
  assert.ok(files.every((item) => item.size === 4));
  assert.deepEqual(witness.complaints, []);
  assert.deepEqual(result, {
    incomplete: false,
    stats: {
      // with the directory itself
      files: oddNames.length + 1,
      filesCopied: oddNames.length,
      bytes: 4 * oddNames.length,
      bytesCopied: 4 * oddNames.length,
      kinds: { reg: oddNames.length, dir: 1, link: 0, dev: 0, special: 0 },
    },
  } satisfies CopyResult);
});

test("a second copy has nothing to do, and says so", async (context) => {
  const { from, to } = directories(context);
  for (const name of oddNames) writeFile(at(from, name));
  const args = ["--", `${from}/`, `${to}/`];
  await copy(exec, new Witness().spec(args), never());
  const witness = new Witness();
  const { stats } = await copy(exec, witness.spec([`--out-format=${itemFormat}`, ...args]), never());
  assert.deepEqual([stats.filesCopied, stats.bytesCopied], [0, 0]);
  assert.deepEqual(witness.items, []);
});

test("progress ends at the whole of it", async (context) => {
  const { from, to } = directories(context);
  for (let count = 0; count < 200; count += 1) writeFile(join(from, `${count}`), Buffer.alloc(5000, "x"));
  const witness = new Witness();
  await copy(exec, witness.spec(["--", `${from}/`, `${to}/`]), never());
  assert.deepEqual(witness.progress.at(-1), {
    bytesDone: 1_000_000,
    percent: 100,
    filesDone: 201,
    filesTotal: 201,
    totalKnown: true,
  });
  for (const [index, { bytesDone }] of witness.progress.entries()) {
    assert.ok(bytesDone >= (witness.progress[index - 1]?.bytesDone ?? 0));
  }
});

test("two versions within one second are two versions", async (context) => {
  const { from, to } = directories(context);
  writeFile(join(from, "file"), "first\n", 1_700_000_000.25);
  const args = ["--", `${from}/`, `${to}/`];
  await copy(exec, new Witness().spec(args), never());
  assert.equal(lstatSync(join(to, "file"), { bigint: true }).mtimeNs % 1_000_000_000n, 250_000_000n);
  writeFile(join(from, "file"), "other\n", 1_700_000_000.75);
  const { stats } = await copy(exec, new Witness().spec(args), never());
  assert.equal(stats.filesCopied, 1);
  assert.equal(readFileSync(join(to, "file"), "utf8"), "other\n");
});

test("links, holes and times survive", async (context) => {
  const { from, to } = directories(context);
  writeFile(join(from, "file"), "x", 1_700_000_000.123456);
  linkSync(join(from, "file"), join(from, "hard"));
  symlinkSync("nowhere\n", at(from, latin1("dangling\xff")));
  writeFile(join(from, "holes"), "begin");
  truncateSync(join(from, "holes"), 8 << 20);
  await copy(exec, new Witness().spec(["--", `${from}/`, `${to}/`]), never());
  assert.equal(statSync(join(to, "file")).ino, statSync(join(to, "hard")).ino);
  assert.ok(lstatSync(at(to, latin1("dangling\xff"))).isSymbolicLink());
  const holes = statSync(join(to, "holes"));
  assert.equal(holes.size, 8 << 20);
  assert.ok(holes.blocks * 512 < 1 << 20);
  const times = [from, to].map((directory) => lstatSync(join(directory, "file"), { bigint: true }).mtimeNs);
  assert.equal(times[0], times[1]);
});

test("files that cannot be read are left out and named; the rest is copied", rootOnly, async (context) => {
  const { from, to } = directories(context);
  for (const name of oddNames) {
    writeFile(at(from, name));
    chmodSync(at(from, name), 0o000);
  }
  writeFile(join(from, "readable"), "x");
  chownSync(to, nobody.uid, nobody.gid);
  const witness = new Witness();
  const { incomplete, stats } = await copy(
    exec,
    witness.spec(["--no-owner", "--no-group", "--", `${from}/`, `${to}/`], { as: nobody }),
    never(),
  );
  assert.ok(incomplete);
  assert.equal(stats.files, oddNames.length + 2);
  assert.deepEqual(namesIn(to), ["readable"]);
  assert.deepEqual(
    witness.complaints.map((complaint) => complaint.path).sort(),
    oddNames.map((name) => `${from}/${name.toString("latin1")}`).sort(),
  );
  assert.deepEqual(
    new Set(witness.complaints.map(({ message }) => message)),
    new Set(["could not be copied: permission denied"]),
  );
});

test("a directory that cannot be looked into", rootOnly, async (context) => {
  const { from, to } = directories(context);
  writeFile(join(from, "closed", "file"));
  chmodSync(join(from, "closed"), 0o700);
  chownSync(to, nobody.uid, nobody.gid);
  const witness = new Witness();
  const spec = witness.spec(["--no-owner", "--no-group", "--", `${from}/`, `${to}/`], { as: nobody });
  assert.ok((await copy(exec, spec, never())).incomplete);
  assert.deepEqual(witness.complaints, [
    { message: "could not be copied: permission denied", path: join(from, "closed") },
  ]);
});

test("a source that is not there", async (context) => {
  const { from, to } = directories(context);
  writeFile(join(from, "file"));
  const witness = new Witness();
  const gone = join(from, "gone\n");
  const { incomplete } = await copy(exec, witness.spec(["--", join(from, "file"), gone, `${to}/`]), never());
  assert.ok(incomplete);
  assert.deepEqual(namesIn(to), ["file"]);
  assert.deepEqual(witness.complaints, [{ message: "could not be copied: no such file or directory", path: gone }]);
});

/** So slow that there is time to do something in the middle. */
const slowly = ["--bwlimit=512"];

test("files that vanish in the middle", async (context) => {
  const { from, to } = directories(context);
  writeFile(join(from, "1 large"), Buffer.alloc(1 << 20, "x"));
  const doomed = at(from, latin1("2 doomed\n\xff"));
  writeFile(doomed);
  const witness = new Witness();
  const onProgress = ({ bytesDone }: RsyncProgress) => {
    if (bytesDone > 0 && existsSync(doomed)) unlinkSync(doomed);
  };
  const { incomplete } = await copy(
    exec,
    witness.spec([...slowly, "--", `${from}/`, `${to}/`], { onProgress }),
    never(),
  );
  assert.ok(incomplete);
  assert.deepEqual(namesIn(to), ["1 large"]);
  assert.deepEqual(witness.complaints, [{ message: "vanished while it was copied", path: doomed.toString("latin1") }]);
});

test("cancelled in the middle, for the signal's reason, and no rsync is left", async (context) => {
  const { from, to } = directories(context);
  writeFile(join(from, "large"), Buffer.alloc(8 << 20, "x"));
  const controller = new AbortController();
  const reason = new RangeError("enough");
  const onProgress = () => controller.abort(reason);
  const spec = new Witness().spec([...slowly, "--", `${from}/`, `${to}/`], { onProgress });
  await assert.rejects(copy(exec, spec, controller.signal), (error) => error === reason);
  const working = () =>
    readdirSync("/proc").some((entry) => {
      try {
        return /^\d+$/.test(entry) && readFileSync(`/proc/${entry}/cmdline`, "utf8").includes(`${from}/\0`);
      } catch {
        // it ended while we looked
        return false;
      }
    });
  assert.ok(await waitUntil(systemClock, 20_000, () => !working()));
});

test("a call that rsync does not understand", async (context) => {
  const { from, to } = directories(context);
  const spec = new Witness().spec(["--no-such-option", "--", `${from}/`, `${to}/`]);
  await assert.rejects(copy(exec, spec, never()), { code: "tool_failed" });
});

/** With a small file system of its own for `to`; where mounting is not allowed, which is not what is tested here, not at all. */
async function withSmall(
  context: TestContext,
  options: string,
  work: (directories: { from: string; to: string }) => Promise<void>,
): Promise<void> {
  const { from, to } = directories(context);
  const { exitCode } = await exec({ file: "mount", args: ["-t", "tmpfs", "-o", options, "tmpfs", to] });
  if (exitCode !== 0) return context.skip("needs mount(8)");
  try {
    await work({ from, to });
  } finally {
    await mustRun(exec, { file: "umount", args: [to] });
  }
}

test("no room for the bytes", rootOnly, (context) =>
  withSmall(context, "size=1m", async ({ from, to }) => {
    writeFile(join(from, "large"), Buffer.alloc(3 << 20, "x"));
    await assert.rejects(copy(exec, new Witness().spec(["--", `${from}/`, `${to}/`]), never()), { code: "full" });
  }),
);

test("no room for the names of directories, or of files", rootOnly, (context) =>
  withSmall(context, "size=8m,nr_inodes=10", async ({ from, to }) => {
    for (let count = 0; count < 20; count += 1) {
      mkdirSync(join(from, "directories", `${count}`), { recursive: true });
      writeFile(join(from, "files", `${count}`));
    }
    for (const kind of ["directories", "files"]) {
      const args = ["--delete", "--", `${from}/${kind}/`, `${to}/`];
      await assert.rejects(copy(exec, new Witness().spec(args), never()), { code: "full" }, kind);
    }
  }),
);

test("a destination that has become read-only is no file that could not be read", rootOnly, (context) =>
  withSmall(context, "size=1m,ro", async ({ from, to }) => {
    writeFile(join(from, "file"));
    await assert.rejects(copy(exec, new Witness().spec(["--", `${from}/`, `${to}/`]), never()), {
      code: "tool_failed",
      message: /^the destination failed: .*read-only file system$/,
    });
  }),
);

test("access times of a source can be left alone", async (context) => {
  const { from, to } = directories(context);
  writeFile(join(from, "file"));
  utimesSync(join(from, "file"), 1_600_000_000, 1_700_000_000);
  await copy(exec, new Witness().spec(["--open-noatime", "--", `${from}/`, `${to}/`]), never());
  assert.equal(statSync(join(from, "file")).atimeMs, 1_600_000_000_000);
});
