import assert from "node:assert/strict";
import { test } from "node:test";
import { parseKnownHosts } from "../../../agent/tools/ssh-keyscan.ts";

const ed25519 = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
/** What ssh-keygen -lf prints of that key (GitHub's; their documentation has the same). */
const fingerprint = "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU";

test("a key and its fingerprint", () => {
  assert.deepEqual(parseKnownHosts(`github.com ssh-ed25519 ${ed25519}\n`), [
    { type: "ssh-ed25519", blob: ed25519, fingerprint },
  ]);
});

test("best first, whatever the order", () => {
  const text = ["ssh-rsa", "ecdsa-sha2-nistp521", "ssh-ed25519", "ecdsa-sha2-nistp256"]
    .map((type) => `[h]:2222 ${type} ${ed25519}`)
    .join("\n");
  assert.deepEqual(
    parseKnownHosts(text).map((key) => key.type),
    ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp521", "ssh-rsa"],
  );
});

test("blanks, tabs and a comment do no harm", () => {
  assert.equal(parseKnownHosts(`  h\tssh-ed25519  ${ed25519} a comment\r\n`)[0]?.fingerprint, fingerprint);
});

const noKeys = [
  "",
  "\n\n",
  "# h:22 SSH-2.0-OpenSSH_9.2p1",
  `# ssh-ed25519 ${ed25519}`,
  `@revoked h ssh-ed25519 ${ed25519}`,
  `@cert-authority * ssh-ed25519 ${ed25519}`,
  "h",
  "h ssh-ed25519",
  `h ssh-dss ${ed25519}`,
  `h ssh-ed25519-cert-v01@openssh.com ${ed25519}`,
  `h ssh-ed25519 ${ed25519}$(id)`,
  "h ssh-ed25519 \u001b[2J",
  `ssh-ed25519 ${ed25519}`,
];

for (const text of noKeys) {
  test(`no key: ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parseKnownHosts(text), []);
  });
}
