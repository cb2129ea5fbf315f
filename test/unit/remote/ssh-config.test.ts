import assert from "node:assert/strict";
import { test } from "node:test";
import type { RemoteConfig } from "../../../agent/config/remote.ts";
import { renderSshConfig, sshAlias } from "../../../agent/remote/ssh-config.ts";
import { sampleRemote } from "./sample-remote.ts";

const remote: RemoteConfig = { ...sampleRemote, connectTimeoutMs: 20_500 };

function options(text: string): Map<string, string> {
  const [head, ...lines] = text.trimEnd().split("\n");
  assert.equal(head, "Host luksmith-vault");
  return new Map(
    lines.map((line) => {
      const [, key = "", value = ""] = /^ {2}(\w+) (.*)$/.exec(line) ?? assert.fail(line);
      return [key, value];
    }),
  );
}

test("the remote's own values", () => {
  const found = options(renderSshConfig(remote, "/var/lib/luksmith/known_hosts/vault"));
  assert.equal(sshAlias(remote), "luksmith-vault");
  assert.equal(found.get("HostName"), "vault.example.net");
  assert.equal(found.get("HostKeyAlias"), "luksmith-vault");
  assert.equal(found.get("Port"), "2222");
  assert.equal(found.get("User"), "lm-web01");
  assert.equal(found.get("IdentityFile"), '"/etc/luksmith/ssh/id_ed25519"');
  assert.equal(found.get("UserKnownHostsFile"), '"/var/lib/luksmith/known_hosts/vault"');
  assert.equal(found.get("ConnectTimeout"), "21");
});

test("nobody is trusted but the pinned key, and nothing is asked of a person", () => {
  const found = options(renderSshConfig(remote, "/k"));
  const wanted = {
    StrictHostKeyChecking: "yes",
    GlobalKnownHostsFile: "/dev/null",
    UpdateHostKeys: "no",
    BatchMode: "yes",
    IdentitiesOnly: "yes",
    IdentityAgent: "none",
    PreferredAuthentications: "publickey",
    PermitLocalCommand: "no",
    ControlMaster: "no",
    ControlPath: "none",
    ForwardAgent: "no",
    ClearAllForwardings: "yes",
  };
  for (const [key, value] of Object.entries(wanted)) assert.equal(found.get(key), value, key);
});

const hostile: readonly (readonly [string, Partial<RemoteConfig>])[] = [
  ["a newline in the host", { host: "h\n  ProxyCommand id" }],
  ["a carriage return in the host", { host: "h\r  ProxyCommand id" }],
  ["a newline in the user", { user: "u\n  ProxyCommand id" }],
  ["a NUL in the user", { user: "u\0" }],
  ["a newline in the identity", { identity: '/k"\n  ProxyCommand "id' }],
  ["a quote in the identity", { identity: '/k" ProxyCommand="id' }],
  ["a C1 newline in the host", { host: "h\u0085ProxyCommand id" }],
];

for (const [what, change] of hostile) {
  test(`refused: ${what}`, () => {
    assert.throws(() => renderSshConfig({ ...remote, ...change }, "/k"), RangeError);
  });
}

test("refused: a known_hosts file of such a name", () => {
  assert.throws(() => renderSshConfig(remote, '/k"'), RangeError);
  assert.throws(() => renderSshConfig(remote, "/k\n"), RangeError);
});
