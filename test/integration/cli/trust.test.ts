import assert from "node:assert/strict";
import { test } from "node:test";
import type { TrustRemoteRequest } from "../../../proto/gen/luksmith/v1/agent.ts";
import { ed25519Key, rsaKey, sampleScan } from "../../unit/cli/samples.ts";
import { jsonLines, runCli, startCliOnTerminal } from "./cli-process.ts";
import { type Script, scriptedAgent } from "./scripted-agent.ts";

const old = { type: "ssh-ed25519", fingerprint: `SHA256:${"A".repeat(43)}` };

function remote(scan: Parameters<typeof sampleScan>[0] = {}): { script: Script; trusted: TrustRemoteRequest[] } {
  const trusted: TrustRemoteRequest[] = [];
  const script: Script = {
    scanRemote: () => sampleScan(scan),
    trustRemote: (request) => {
      trusted.push(request);
      return { trusted: ed25519Key };
    },
  };
  return { script, trusted };
}

const answers: [name: string, typed: string, exitCode: number, trusts: boolean][] = [
  ["yes", "yes\n", 0, true],
  ["the fingerprint", `${ed25519Key.fingerprint}\n`, 0, true],
  ["no", "no\n", 130, false],
  ["nothing but the end", "\x04", 130, false],
  ["Ctrl-C", "\x03", 130, false],
];

for (const [name, typed, code, trusts] of answers) {
  test(`a new key, and the answer is ${name}`, async () => {
    const { script, trusted } = remote();
    await using agent = await scriptedAgent(script);
    const cli = startCliOnTerminal(["remote", "trust", "vault"], 200, agent);
    await cli.printed(/Trust SHA256:\S+ \(ED25519\) for vault from now on \(yes\/no\/fingerprint\)\? /);
    assert.match(cli.stdout, /vault \(vault\.example\.net port 22\)/);
    cli.child.stdin.write(typed);
    const { exitCode } = await cli.ended;
    assert.equal(exitCode, code);
    const request = { remote: "vault", fingerprint: ed25519Key.fingerprint, replace: false };
    assert.deepEqual(trusted, trusts ? [request] : []);
  });
}

test("any other answer is asked about again", async () => {
  const { script, trusted } = remote();
  await using agent = await scriptedAgent(script);
  const cli = startCliOnTerminal(["remote", "trust", "vault"], 200, agent);
  await cli.printed(/fingerprint\)\? /);
  cli.child.stdin.write("y\n");
  await cli.printed(/Please type yes, no or the fingerprint: /);
  assert.deepEqual(trusted, []);
  cli.child.stdin.write("yes\n");
  assert.equal((await cli.ended).exitCode, 0);
});

test("with nobody to ask, a fingerprint is needed", async () => {
  const { script, trusted } = remote();
  await using agent = await scriptedAgent(script);
  const { exitCode, stdout, stderr } = await runCli(["remote", "trust", "vault"], { ...agent, stdin: "yes\n" });
  assert.equal(exitCode, 2);
  assert.ok(stdout.includes(ed25519Key.fingerprint));
  assert.match(stderr, /hint: .*--fingerprint SHA256:/);
  assert.deepEqual(trusted, []);
});

test("a fingerprint that is offered is trusted without a question", async () => {
  const { script, trusted } = remote();
  await using agent = await scriptedAgent(script);
  const args = ["remote", "trust", "vault", "--fingerprint", rsaKey.fingerprint];
  assert.equal((await runCli(args, agent)).exitCode, 0);
  const json = await runCli([...args, "--json"], agent);
  assert.deepEqual(
    jsonLines(json.stdout).map(({ type }) => type),
    ["remote", "remote_trusted"],
  );
  assert.deepEqual(
    trusted.map(({ fingerprint }) => fingerprint),
    [rsaKey.fingerprint, rsaKey.fingerprint],
  );
});

test("a fingerprint that is not offered: 13, with both", async () => {
  const { script, trusted } = remote({ offered: [ed25519Key] });
  await using agent = await scriptedAgent(script);
  const { exitCode, stderr } = await runCli(["remote", "trust", "vault", "--fingerprint", old.fingerprint], agent);
  assert.equal(exitCode, 13);
  assert.ok(stderr.includes(old.fingerprint) && stderr.includes(ed25519Key.fingerprint));
  assert.deepEqual(trusted, []);
});

test("a key that has changed: 13, with both, until --replace", async () => {
  const { script, trusted } = remote({ trusted: [old] });
  await using agent = await scriptedAgent(script);
  const args = ["remote", "trust", "vault", "--fingerprint", ed25519Key.fingerprint];
  const { exitCode, stderr } = await runCli(args, agent);
  assert.equal(exitCode, 13);
  assert.ok(stderr.includes(old.fingerprint) && stderr.includes(ed25519Key.fingerprint));
  assert.match(stderr, /--replace/);
  assert.deepEqual(trusted, []);
  assert.equal((await runCli([...args, "--replace"], agent)).exitCode, 0);
  assert.deepEqual(trusted, [{ remote: "vault", fingerprint: ed25519Key.fingerprint, replace: true }]);
});

test("a key that is trusted already is left alone", async () => {
  const { script, trusted } = remote({ trusted: [ed25519Key] });
  await using agent = await scriptedAgent(script);
  const { exitCode, stdout } = await runCli(["remote", "trust", "vault"], agent);
  assert.equal(exitCode, 0);
  assert.match(stdout, /was trusted already/);
  assert.deepEqual(trusted, []);
});
