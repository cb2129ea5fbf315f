/** Looking into snapshots, as root and as an ordinary user: what differs, where a file was, what it takes, what is in it. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { cheapKdf, cli } from "./harness/lab-agent.ts";
import { assertDone, Scene } from "./harness/scene.ts";

const run = promisify(execFile);
const source = "/srv/people";
const home = join(source, "alice");
const alice = { uid: 4001, gid: 4001 };
const picture = randomBytes(300_000);

async function makeAlice(): Promise<void> {
  await run("groupadd", ["--force", "--system", "luksmith"]);
  await run("useradd", ["--uid", `${alice.uid}`, "--user-group", "--create-home", "alice"]).catch(() => undefined);
  await run("usermod", ["--append", "--groups", "luksmith", "alice"]);
  await mkdir(join(source, "closed"), { recursive: true });
  await writeFile(join(source, "closed", "secret"), "root's secret\n", { mode: 0o600 });
  await chmod(join(source, "closed"), 0o700);
  await mkdir(home);
  await writeFile(join(home, "notes"), "alice's notes\n");
  await writeFile(join(home, "letter"), "a letter that goes\n");
  await writeFile(join(home, "picture"), picture, { mode: 0o600 });
  await run("chown", ["-R", "alice:alice", home]);
}

/** What was printed, for a person to read as well. */
async function typed(args: readonly string[], as?: typeof alice) {
  const { exitCode, stdout, stderr } = await cli(args, as === undefined ? {} : { as });
  const text = stdout.toString("utf8");
  console.log(`$ luksmith ${args.join(" ")}\n${text.slice(0, 2000)}${stderr}\n[${exitCode}]`);
  return { exitCode, text, stdout, stderr };
}

describe("looking into snapshots", () => {
  const scene = Scene.set({
    prepare: makeAlice,
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${source}] }
access:
  - { users: [alice], jobs: [docs], allow: [status, snapshots, ls, restore] }
`,
    volumes: ["home"],
  });
  let first = "";

  it("tells what differs between two of them", async () => {
    const { run: before } = await scene.agent.backup("docs");
    first = before.snapshot;
    await rm(join(home, "letter"));
    await writeFile(join(home, "new"), "new\n");
    await writeFile(join(home, "notes"), "more of alice's notes\n");
    await utimes(join(source, "closed", "secret"), 1, 1);
    await chmod(home, 0o711);
    assertDone(await scene.agent.backup("docs"));
    const { exitCode, text, stderr } = await typed(["diff", "docs", first]);
    assert.equal(exitCode, 0, stderr);
    assert.equal(
      text.replace(/, \d{4}-.*\)/, ")"),
      [
        "changed  srv/people/alice/  (mode 0755 -> 0711)",
        "removed  srv/people/alice/letter  (19 B)",
        "added    srv/people/alice/new  (4 B)",
        "changed  srv/people/alice/notes  (14 B -> 22 B)",
        "changed  srv/people/closed/secret  (14 B)\n",
      ].join("\n"),
    );
    assert.match(stderr, /1 added, 1 removed, 2 changed, 1 with another mode, owner or time/);
    const own = await typed(["diff", "docs", first, "--content"], alice);
    assert.equal(own.exitCode, 3, own.stderr);
    assert.match(own.text, /removed {2}srv\/people\/alice\/letter/);
    assert.doesNotMatch(own.text, /secret/);
  });

  it("lists with the names of owners, and finds the snapshots that have a file", async () => {
    const listed = await typed(["ls", "docs", home], alice);
    assert.match(listed.text, /^-rw------- alice {4}alice +300000 {2}.* {2}srv\/people\/alice\/picture$/m);
    const found = await typed(["find", "docs", "[ls]e*t*"], alice);
    assert.equal(found.exitCode, 3, "a directory is closed to alice");
    assert.match(found.text, new RegExp(`^srv/people/alice/letter\\n +19 B .* in ${first}\\n +gone  in `));
    assert.doesNotMatch(found.text, /secret/);
  });

  it("counts what each takes", async () => {
    const { exitCode, text, stderr } = await typed(["du", "docs", "--json"], alice);
    assert.equal(exitCode, 0, stderr);
    const sizes = text
      .split("\n")
      .filter((line) => line.includes("snapshot_size"))
      .map((line) => JSON.parse(line) as { snapshot: string | null; bytes: number; ownBytes: number });
    const [older, newer, together] = sizes;
    assert.ok(older && newer && together && sizes.length === 3, text);
    const shared = older.bytes - older.ownBytes;
    assert.ok(shared >= 300_000 && shared === newer.bytes - newer.ownBytes, text);
    assert.equal(together.bytes, older.ownBytes + newer.ownBytes + shared);
    const closed = await typed(["du", "docs", join(source, "closed")], alice);
    assert.equal(closed.exitCode, 3, closed.stderr);
  });

  it("writes one file to standard output, and nothing that is closed", async () => {
    const whole = await typed(["cat", "docs", join(home, "picture")], alice);
    assert.equal(whole.exitCode, 0, whole.stderr);
    assert.ok(whole.stdout.equals(picture));
    const secret = await typed(["cat", "docs", join(source, "closed", "secret")], alice);
    assert.equal(secret.exitCode, 10, secret.stderr);
    assert.equal(secret.stdout.length, 0);
  });
});
