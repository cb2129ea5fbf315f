import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { kitFiles } from "../../../cli/kit/page.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { type ExportRecoveryKitResponse, KeySlot_Role } from "../../../proto/gen/luksmith/v1/agent.ts";
import { RunState, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { backupEvents, runningRun, sampleRun } from "../../unit/cli/samples.ts";
import { jsonLines, runCli, startCliOnTerminal } from "./cli-process.ts";
import { type Script, scriptedAgent } from "./scripted-agent.ts";

const passphrase = "x7k2m-abcde-01234-56789-fghjk-mnpqr";

/** An agent that does what it is asked for, and remembers the keys that it got. */
function keyAgent(state: RunState = RunState.DONE): { script: Script; got: string[] } {
  const got: string[] = [];
  const run = runningRun({ verb: Verb.ADD_KEY, job: "" });
  const error = state === RunState.DONE ? undefined : { code: "lost", message: "the connection broke", hint: "" };
  const script: Script = {
    addKey: ({ newKey }) => {
      got.push(newKey.toString());
      return { run, recoveryPassphrase: newKey.length === 0 ? passphrase : "" };
    },
    rotateKey: ({ oldKey, newKey }) => {
      got.push(oldKey.toString(), newKey.toString());
      return { run, recoveryPassphrase: "" };
    },
    reencryptVolume: ({ keep, dropOthers, dryRun }) => {
      got.push(...keep.map(({ slot, key }) => `${slot} ${key}`), `others go: ${dropOthers}, dry run: ${dryRun}`);
      return { run };
    },
    removeKey: ({ slot }) => {
      got.push(`remove ${slot}`);
      return { run };
    },
    listKeys: () => ({
      slots: [
        { slot: 0, role: KeySlot_Role.UNKNOWN, agents: true, kdf: "argon2id", addedAt: undefined },
        { slot: 1, role: KeySlot_Role.RECOVERY, agents: false, kdf: "argon2id", addedAt: undefined },
        { slot: 2, role: KeySlot_Role.RECOVERY, agents: false, kdf: "argon2id", addedAt: undefined },
      ],
      source: "command",
      sourceText: "what /bin/key prints",
      fault: undefined,
      unfinished: true,
      reencrypting: false,
    }),
    watchRun: (_request, send) => {
      for (const event of backupEvents(sampleRun({ verb: Verb.ADD_KEY, state, error }))) send({ event });
    },
    exportRecoveryKit: ({ passphrase: typed }, send) => {
      got.push(typed.toString());
      if (typed.toString() !== passphrase)
        throw new LuksmithError("wrong_key", "no key slot opens with this passphrase");
      for (const kind of kitPieces()) send({ kind });
    },
  };
  return { script, got };
}

function kitPieces(): ExportRecoveryKitResponse["kind"][] {
  const kit = {
    ...{
      volume: "home",
      hostname: "web01",
      madeAt: new Date(),
      slot: 2,
      host: "vault",
      port: 22,
      user: "lm",
      path: ".",
    },
    ...{ image: "home.luks", imageSize: 2 ** 30, filesystem: "ext4", luksUuid: "u", cipher: "aes-xts-plain64" },
    ...{ volumeKeyBits: 512, jobs: ["docs"], hostKeys: ["ssh-ed25519 AAAA"], identity: "/i" },
  };
  return [
    { $case: "kit", value: kit },
    { $case: "header", value: Buffer.from("LUKS") },
    { $case: "header", value: Buffer.from("2") },
  ];
}

test("key list says which slot is whose, and that something is left to do", async () => {
  await using agent = await scriptedAgent(keyAgent().script);
  const { stdout } = await runCli(["key", "list", "home"], agent);
  assert.match(stdout, /^0 +the agent's: what \/bin\/key prints +argon2id/m);
  assert.match(stdout, /^1 +recovery passphrase/m);
  assert.match(stdout, /luksmith volume check home/);
});

test("a passphrase is a line of standard input, without its end and with everything else", async () => {
  const { script, got } = keyAgent();
  await using agent = await scriptedAgent(script);
  const added = await runCli(["key", "add", "home"], { ...agent, stdin: " tulips & größe \nrest" });
  assert.equal(added.exitCode, 0, added.stderr);
  const rotated = await runCli(["key", "rotate", "home", "--passphrase"], {
    ...agent,
    stdin: "the old one\nthe new one",
  });
  assert.equal(rotated.exitCode, 0, rotated.stderr);
  assert.deepEqual(got, [" tulips & größe ", "the old one", "the new one"]);
});

test("a re-encryption asks for the slots that are to stay, in the order in which they are named", async () => {
  const { script, got } = keyAgent();
  await using agent = await scriptedAgent(script);
  const named = ["key", "reencrypt", "home", "--keep", "2", "--keep", "1", "--keep", "2"];
  const begun = await runCli(named, { ...agent, stdin: "of slot two\nof slot one\n" });
  assert.equal(begun.exitCode, 0, begun.stderr);
  assert.equal((await runCli([...named, "--dry-run", "--drop-others"], agent)).exitCode, 0);
  assert.equal((await runCli(["key", "reencrypt", "home", "--keep", "32"], agent)).exitCode, 2);
  assert.deepEqual(got, [
    ...["2 of slot two", "1 of slot one", "others go: false, dry run: false"],
    ...["2 ", "1 ", "others go: true, dry run: true"],
  ]);
});

test("none is asked for where nobody can type, and an empty one is none", async () => {
  const { script, got } = keyAgent();
  await using agent = await scriptedAgent(script);
  for (const stdin of ["", "\n"]) assert.equal((await runCli(["key", "add", "home"], { ...agent, stdin })).exitCode, 2);
  assert.deepEqual(got, []);
});

test("on a terminal it is typed twice, and not seen", async () => {
  const { script, got } = keyAgent();
  await using agent = await scriptedAgent(script);
  const cli = startCliOnTerminal(["key", "add", "home"], 100, agent);
  await cli.printed(/New passphrase of volume home: $/);
  cli.child.stdin.write("tulips in Mäy\x7f\x7f\x7fMay\r");
  await cli.printed(/The same again: $/);
  cli.child.stdin.write("tulips in May\r");
  const { exitCode, stdout } = await cli.ended;
  assert.equal(exitCode, 0, stdout);
  assert.deepEqual(got, ["tulips in May"]);
  assert.doesNotMatch(stdout, /tulips/);
});

test("two that are not the same change nothing, and Ctrl-C ends the asking", async () => {
  const { script, got } = keyAgent();
  await using agent = await scriptedAgent(script);
  const differing = startCliOnTerminal(["key", "add", "home"], 100, agent);
  await differing.printed(/home: $/);
  differing.child.stdin.write("tulips\r");
  await differing.printed(/again: $/);
  differing.child.stdin.write("roses\r");
  assert.equal((await differing.ended).exitCode, 2);
  const interrupted = startCliOnTerminal(["key", "add", "home"], 100, agent);
  await interrupted.printed(/home: $/);
  interrupted.child.stdin.write("tul\x03");
  assert.equal((await interrupted.ended).exitCode, 130);
  assert.deepEqual(got, []);
});

test("a made passphrase is shown, with a caution when its run failed", async () => {
  for (const [state, caution] of [
    [RunState.DONE, false],
    [RunState.FAILED, true],
  ] as const) {
    await using agent = await scriptedAgent(keyAgent(state).script);
    const { stdout } = await runCli(["key", "add", "home", "--generate"], agent);
    assert.match(stdout, new RegExp(passphrase));
    assert.equal(/counts only if/.test(stdout), caution);
  }
});

test("a kit is whole, for its owner alone, and takes the place of nothing", async () => {
  const { script, got } = keyAgent();
  await using agent = await scriptedAgent(script);
  const directory = join(agent.directory, "kit");
  const kit = (...more: string[]) =>
    runCli(["kit", "home", "--to", directory, ...more], { ...agent, stdin: `${passphrase}\n` });
  const { exitCode, stdout, stderr } = await kit("--json");
  assert.equal(exitCode, 0, stderr);
  const [written] = jsonLines(stdout);
  assert.deepEqual([written?.slot, written?.others], [2, [1]]);
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
  const names = await readdir(directory);
  assert.deepEqual(new Set(names), new Set(Object.values(kitFiles)));
  for (const name of names) assert.equal((await stat(join(directory, name))).mode & 0o777, 0o400, name);
  assert.equal(await readFile(join(directory, "header.luks"), "utf8"), "LUKS2");
  assert.equal(await readFile(join(directory, "passphrase.txt"), "utf8"), passphrase);
  assert.match(await readFile(join(directory, "RECOVERY.txt"), "utf8"), new RegExp(passphrase));
  assert.match(await readFile(join(directory, "RECOVERY.pdf"), "latin1"), /^%PDF-/);
  assert.match(await readFile(join(directory, "passphrase.svg"), "utf8"), /^<svg/);

  got.length = 0;
  const again = await kit("--new-passphrase");
  assert.equal(again.exitCode, 1);
  assert.match(again.stderr, /there is a header\.luks in .* already/);
  assert.deepEqual(got, [], "refused before a passphrase was made");
});

test("a kit is refused where others could read it, and through a link", async () => {
  const { script, got } = keyAgent();
  await using agent = await scriptedAgent(script);
  const open = join(agent.directory, "open");
  await mkdir(open);
  await symlink(open, join(agent.directory, "link"));
  for (const mode of [0o755, 0o710, 0o701]) {
    await chmod(open, mode);
    const refused = await runCli(["kit", "home", "--to", open, "--new-passphrase"], agent);
    assert.equal(refused.exitCode, 2);
    assert.match(refused.stderr, /hint: chmod 0700/);
  }
  await chmod(open, 0o700);
  const unmade = join(open, "unmade");
  const silent = await runCli(["kit", "home", "--to", unmade, "--socket", "/nowhere", "--new-passphrase"], agent);
  assert.equal(silent.exitCode, 13);
  await assert.rejects(stat(unmade), { code: "ENOENT" });
  const nowhere = await runCli(["kit", "home", "--to", join(unmade, "kit"), "--new-passphrase"], agent);
  assert.equal(nowhere.exitCode, 2);
  assert.match(nowhere.stderr, /hint: what is above it has to be there/);
  const link = await runCli(["kit", "home", "--to", join(agent.directory, "link"), "--new-passphrase"], agent);
  assert.equal(link.exitCode, 2);
  await symlink("/nowhere", join(open, "RECOVERY.pdf"));
  assert.equal((await runCli(["kit", "home", "--to", open, "--new-passphrase"], agent)).exitCode, 1);
  assert.deepEqual([got, await readdir(open)], [[], ["RECOVERY.pdf"]]);
});

test("of a kit that came to nothing nothing stays, and a passphrase that was made for it is told", async () => {
  const { script, got } = keyAgent();
  await using agent = await scriptedAgent({
    ...script,
    exportRecoveryKit: () => {
      throw new LuksmithError("lost", "gone");
    },
  });
  const directory = join(agent.directory, "kit");
  const { exitCode, stdout } = await runCli(["kit", "home", "--to", directory, "--new-passphrase"], agent);
  assert.equal(exitCode, 13);
  assert.match(stdout, new RegExp(passphrase));
  await assert.rejects(stat(directory), { code: "ENOENT" });
  assert.deepEqual(got, [""]);
});

test("a wrong passphrase makes no kit; older ones go when the new kit is there", async () => {
  const { script, got } = keyAgent();
  await using agent = await scriptedAgent(script);
  const directory = join(agent.directory, "kit");
  const wrong = await runCli(["kit", "home", "--to", directory], { ...agent, stdin: "not this one\n" });
  assert.equal(wrong.exitCode, 12);
  await assert.rejects(stat(directory), { code: "ENOENT" });
  got.length = 0;
  const made = await runCli(["kit", "home", "--to", directory, "--new-passphrase", "--replace"], agent);
  assert.equal(made.exitCode, 0, made.stderr);
  assert.deepEqual(got, ["", passphrase, "remove 1"]);
  assert.doesNotMatch(made.stdout, new RegExp(passphrase));
});

test("the bytes of a key file are taken as they are", async () => {
  const { script, got } = keyAgent();
  await using agent = await scriptedAgent(script);
  const file = join(agent.directory, "key");
  await writeFile(file, "with a line break\n");
  assert.equal((await runCli(["key", "add", "home", "--key-file", file], agent)).exitCode, 0);
  assert.equal((await runCli(["key", "add", "home", "--key-file", "-"], { ...agent, stdin: "piped\n" })).exitCode, 0);
  assert.deepEqual(got, ["with a line break\n", "piped\n"]);
  assert.equal((await runCli(["key", "add", "home", "--key-file", "/nowhere"], agent)).exitCode, 2);
});
