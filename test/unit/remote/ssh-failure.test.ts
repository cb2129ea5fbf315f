import assert from "node:assert/strict";
import { test } from "node:test";
import { connectionEnded, isHostKeyFailure, sshFailure } from "../../../agent/remote/ssh-failure.ts";
import type { ErrorCode } from "../../../common/errors.ts";
import { sampleRemote as remote } from "./sample-remote.ts";

const where = "lm-web01@vault.example.net:2222";

const table: readonly (readonly [said: string, ErrorCode, message: string, hint: RegExp])[] = [
  [
    "No ED25519 host key is known for luksmith-vault and you have requested strict checking.\r\nHost key verification failed.\r\nread: Connection reset by peer",
    "refused",
    `the host key of vault (${where}) is not trusted`,
    /^luksmith remote trust vault$/,
  ],
  [
    "@@@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @@@\nHost key verification failed.",
    "refused",
    `the host key of vault (${where}) is not trusted`,
    /^luksmith remote trust vault$/,
  ],
  [
    "lm-web01@vault.example.net: Permission denied (publickey).\r\nread: Connection reset by peer",
    "refused",
    `${where} does not accept the key /etc/luksmith/ssh/id_ed25519`,
    /id_ed25519\.pub to ~lm-web01\/\.ssh\/authorized_keys on vault\.example\.net/,
  ],
  [
    "no such identity: /etc/luksmith/ssh/id_ed25519: No such file or directory",
    "refused",
    "the ssh key /etc/luksmith/ssh/id_ed25519 cannot be used",
    /^make one: ssh-keygen -t ed25519/,
  ],
  [
    'Load key "/etc/luksmith/ssh/id_ed25519": invalid format',
    "refused",
    "the ssh key /etc/luksmith/ssh/id_ed25519 cannot be used",
    /ssh-keygen/,
  ],
  [
    "vault:images: No such file or directory",
    "not_found",
    `there is no directory images on ${where}`,
    /^make it: echo 'mkdir "images"' \| sftp -b - -i .*@/,
  ],
  [
    "ssh: Could not resolve hostname vault.example.net: Name or service not known",
    "unreachable",
    `cannot reach vault (${where}): its name is not known`,
    /doctor/,
  ],
  [
    "ssh: connect to host vault.example.net port 2222: Connection refused",
    "unreachable",
    `cannot reach vault (${where}): nothing listens there`,
    /doctor/,
  ],
  [
    "ssh: connect to host 10.0.0.9 port 2222: No route to host",
    "unreachable",
    `cannot reach vault (${where}): there is no route to it`,
    /doctor/,
  ],
  [
    "ssh: connect to host 10.0.0.9 port 2222: Connection timed out",
    "unreachable",
    `cannot reach vault (${where}): it does not answer`,
    /doctor/,
  ],
  [
    "clientloop.c:server_alive_check():503 (pid=1): Timeout, server 10.0.0.9 not responding.",
    "unreachable",
    `cannot reach vault (${where}): it does not answer`,
    /doctor/,
  ],
  ["subsystem request failed on channel 0", "refused", `${where} offers no SFTP`, /Subsystem sftp/],
  ["remote host has disconnected", "unreachable", `cannot reach vault (${where}): it closed the connection`, /doctor/],
  ["", "unreachable", `cannot reach vault (${where})`, /doctor/],
  ["something nobody has seen before", "unreachable", `cannot reach vault (${where})`, /doctor/],
];

for (const [said, code, message, hint] of table) {
  test(JSON.stringify(said), () => {
    const error = sshFailure(remote, said);
    assert.deepEqual([error.code, error.message], [code, message]);
    assert.match(error.hint ?? "", hint);
    assert.equal(error.cause, said === "" ? "" : said);
  });
}

test("what the host says is for the log: not a word of it is repeated", () => {
  const error = sshFailure(remote, "\u001b[2J rm -rf / \u202e trust me: luksmith remote trust evil\n");
  assert.equal(error.message, `cannot reach vault (${where})`);
  assert.equal(error.hint, "luksmith doctor");
});

test("a failure over the host key outweighs the rest", () => {
  const said = "Host key verification failed.\nPermission denied (publickey).\nNo such file or directory";
  assert.ok(isHostKeyFailure(said));
  assert.match(sshFailure(remote, said).message, /host key/);
  assert.ok(!isHostKeyFailure("Permission denied (publickey)."));
  assert.ok(!isHostKeyFailure(""));
});

test("a connection that stood has ended: silence, found by ssh, is the same as found by the watchdog", () => {
  const said =
    "clientloop.c:server_alive_check():503 (pid=5804): Timeout, server vault.example.net not responding.\r\n";
  const silent = connectionEnded(remote, said);
  assert.deepEqual([silent.code, silent.message], ["stalled", "vault has not answered for 1 min"]);
  assert.match(silent.hint ?? "", /remotes\.vault\.stallTimeout/);
  const cut = connectionEnded(remote, "Connection to vault.example.net closed by remote host.\r\n");
  assert.deepEqual([cut.code, cut.message, cut.hint], ["lost", "the connection to vault is lost", undefined]);
});
