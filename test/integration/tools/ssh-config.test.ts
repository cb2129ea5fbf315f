import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type RemoteConfig, remoteFileSchema, toRemoteConfig } from "../../../agent/config/remote.ts";
import { renderSshConfig, sshAlias } from "../../../agent/remote/ssh-config.ts";
import { makeExec, mustRead } from "../../../common/exec.ts";
import { sampleRemote } from "../../unit/remote/sample-remote.ts";
import { scratch, writeFile } from "./scratch.ts";

const { exec } = makeExec();

const remote: RemoteConfig = sampleRemote;

/** What ssh itself makes of the file: `ssh -G`, which connects nowhere. */
async function understood(directory: string, of: RemoteConfig, knownHosts: string): Promise<Map<string, string[]>> {
  const file = join(directory, "config");
  writeFile(file, renderSshConfig(of, knownHosts));
  const stdout = await mustRead(exec, { file: "ssh", args: ["-G", "-F", file, "--", sshAlias(of)] });
  const found = new Map<string, string[]>();
  for (const line of stdout.toString().trimEnd().split("\n")) {
    const [key = "", ...value] = line.split(" ");
    found.set(key, [...(found.get(key) ?? []), value.join(" ")]);
  }
  return found;
}

test("ssh takes it as it is meant", async (context) => {
  const found = await understood(scratch(context), remote, "/var/lib/luksmith/known_hosts/vault");
  const wanted = {
    hostname: "vault.example.net",
    hostkeyalias: "luksmith-vault",
    port: "2222",
    user: "lm-web01",
    identityfile: "/etc/luksmith/ssh/id_ed25519",
    identitiesonly: "yes",
    identityagent: "none",
    userknownhostsfile: "/var/lib/luksmith/known_hosts/vault",
    globalknownhostsfile: "/dev/null",
    stricthostkeychecking: "true",
    updatehostkeys: "false",
    checkhostip: "no",
    batchmode: "yes",
    preferredauthentications: "publickey",
    connecttimeout: "20",
    serveraliveinterval: "20",
    serveralivecountmax: "3",
    clearallforwardings: "yes",
    forwardagent: "no",
    permitlocalcommand: "no",
    controlmaster: "false",
    compression: "no",
    loglevel: "ERROR",
    logverbose: "clientloop.c:server_alive_check*",
  };
  for (const [key, value] of Object.entries(wanted)) assert.deepEqual(found.get(key), [value], key);
  for (const key of ["proxycommand", "proxyjump", "localcommand", "remotecommand", "controlpath"]) {
    assert.ok([undefined, "none"].includes(found.get(key)?.[0]), key);
  }
  assert.match(found.get("ciphers")?.[0] ?? "", /^aes128-gcm@openssh\.com,aes256-gcm@openssh\.com,./);
});

test("paths with blanks, percent signs and hashes are one path each", async (context) => {
  for (const path of ["/a b/id", "/50%h/%u/id", "/a#b/id", "/a 'b' c/id", "/a=b,c/id"]) {
    const found = await understood(scratch(context), { ...remote, identity: path }, `${path}.known`);
    // ssh -G shows the %% that it will read as %
    const shown = [found.get("identityfile"), found.get("userknownhostsfile")].map((values) =>
      values?.map((value) => value.replaceAll("%%", "%").replaceAll('"', "")),
    );
    assert.deepEqual(shown, [[path], [`${path}.known`]], path);
  }
});

/** Values of which the configuration's own schema lets none pass; here is what follows if one did. */
const hostile: readonly (readonly [string, Partial<RemoteConfig>])[] = [
  ["a second word", { host: "h ProxyCommand=id" }],
  ["a quote that is not closed", { host: '"h' }],
  ["a newline", { host: "h\nProxyCommand id" }],
  ["a carriage return", { user: "u\rProxyCommand id" }],
  ["a quote in a path", { identity: '/k" ProxyCommand="id' }],
  ["a backslash at a path's end", { identity: "/k\\" }],
  ["an environment variable", { identity: ["/k$", "{HOME}"].join("") }],
  ["another Host line", { user: "u\nHost *\nProxyCommand id" }],
];

for (const [what, change] of hostile) {
  test(`${what} brings in no other option`, async (context) => {
    const directory = scratch(context);
    const found = await understood(directory, { ...remote, ...change }, "/k").catch((error: unknown) => {
      // refused by us, or by ssh as a whole
      assert.ok(error instanceof Error);
      return undefined;
    });
    assert.equal(found?.get("proxycommand"), undefined);
    if (found !== undefined) assert.equal(found.get("stricthostkeychecking")?.[0], "true");
  });
}

test("whatever the schema lets pass, ssh understands as it stands", async (context) => {
  const directory = scratch(context);
  for (const file of [
    { host: "a-1_b.example", user: "_a.b-c", identity: "/etc/x@y=z+w/id.key" },
    { host: "2001:db8::1", user: "0", identity: "/-/id" },
    { host: "192.0.2.7", user: "A", identity: "/a//./b" },
  ]) {
    const parsed = toRemoteConfig("vault", remoteFileSchema.parse(file), "/etc/luksmith");
    const found = await understood(directory, parsed, "/k");
    assert.deepEqual(found.get("hostname"), [file.host]);
    assert.deepEqual(found.get("user"), [file.user]);
    assert.deepEqual(found.get("identityfile"), [parsed.identity]);
    assert.deepEqual(found.get("port"), ["22"]);
  }
});
