import assert from "node:assert/strict";
import { test } from "node:test";
import { type DescribeRemoteResponse, RemoteFinding_Level } from "../../../proto/gen/luksmith/v1/agent.ts";
import { jsonLines, runCli } from "./cli-process.ts";
import { type Script, scriptedAgent } from "./scripted-agent.ts";

const vault: DescribeRemoteResponse = {
  remote: "vault",
  host: "127.0.0.1",
  // where nobody listens
  port: 1,
  user: "lm-web01",
  path: "images",
  publicKey: `ssh-ed25519 ${"A".repeat(68)}`,
  hostKeys: [`ssh-ed25519 ${"B".repeat(68)}`],
};

const described = (change: Partial<DescribeRemoteResponse> = {}): Script => ({
  describeRemote: () => ({ ...vault, ...change }),
});

test("a backup host that ssh does not get to: 13, in ssh's words and ours", async () => {
  await using agent = await scriptedAgent(described());
  const { exitCode, stderr } = await runCli(["remote", "setup", "vault"], agent);
  assert.equal(exitCode, 13, stderr);
  assert.match(stderr, /connecting to root@127\.0\.0\.1\n/);
  assert.match(stderr, /Connection refused/);
  assert.match(stderr, /error: ssh does not get to root@127\.0\.0\.1\nhint: /);
});

const impossible: [name: string, change: Partial<DescribeRemoteResponse>, options: string[], words: RegExp][] = [
  ["root", { user: "root" }, [], /root cannot be a machine's user/],
  ["a user that useradd would not make", { user: "Web.01" }, [], /the remote's user must be a Unix user's name/],
  ["a directory with a blank", {}, ["--directory", "/srv/a b"], /--directory must contain only/],
  ["a size that is none", {}, ["--quota", "much"], /is not a size/],
  ["an administrator that is an option", {}, ["--admin", "-oProxyCommand=id"], /./],
];

for (const [name, change, options, words] of impossible) {
  test(`before anybody connects, ${name} is refused: 2`, async () => {
    await using agent = await scriptedAgent(described(change));
    const { exitCode, stderr } = await runCli(["remote", "setup", "vault", ...options], agent);
    assert.equal(exitCode, 2, stderr);
    assert.match(stderr, words);
    assert.doesNotMatch(stderr, /connecting/);
  });
}

const finding = { level: RemoteFinding_Level.OK, subject: "SFTP", message: "is there", hint: "" };

test("a check that finds nothing wrong: 0, and what could be there besides is no fault", async () => {
  const findings = [finding, { ...finding, level: RemoteFinding_Level.OFF, subject: "helper", hint: "set it up" }];
  await using agent = await scriptedAgent({ checkRemote: () => ({ findings }) });
  const { exitCode, stdout } = await runCli(["remote", "check", "vault", "--json"], agent);
  assert.equal(exitCode, 0);
  assert.deepEqual(
    jsonLines(stdout).map(({ level }) => level),
    ["ok", "off"],
  );
});

test("a check that finds something wrong: 1", async () => {
  const findings = [{ ...finding, level: RemoteFinding_Level.NO, hint: "mend it" }];
  await using agent = await scriptedAgent({ checkRemote: () => ({ findings }) });
  const { exitCode, stdout, stderr } = await runCli(["remote", "check", "vault"], agent);
  assert.equal(exitCode, 1);
  assert.match(stdout, /^no {4}SFTP: is there\n {6}hint: mend it\n/);
  assert.match(stderr, /vault is not as it should be/);
});
