import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { renderNbdConfig } from "../../../helper/export/nbd-config.ts";

const image = { name: "image", fd: 3, readOnly: false };

describe("nbd-server's configuration", () => {
  it("serves one image on a socket, to one client, with all that makes it durable", () => {
    const text = renderNbdConfig({ ...image, listen: { unixSocket: "/run/luksmith-helper/web01/a.sock" } });
    assert.equal(
      text,
      `[generic]
unixsock = /run/luksmith-helper/web01/a.sock
allowlist = false

[image]
exportname = /proc/self/fd/3
readonly = false
trim = true
flush = true
fua = true
maxconnections = 1
`,
    );
  });

  it("serves on an address and a port, and nothing else then", () => {
    const text = renderNbdConfig({ ...image, readOnly: true, listen: { address: "2001:db8::7", port: 10_810 } });
    assert.equal(
      text,
      `[generic]
listenaddr = 2001:db8::7
port = 10810
allowlist = false

[image]
exportname = /proc/self/fd/3
readonly = true
trim = false
flush = true
fua = true
maxconnections = 1
`,
    );
  });

  const unixSocket = "/run/a.sock";
  const hostile: [string, Parameters<typeof renderNbdConfig>[0]][] = [
    ["a line break in the name", { ...image, name: "image]\nexportname = /etc/shadow", listen: { unixSocket } }],
    ["the section of no export", { ...image, name: "generic", listen: { unixSocket } }],
    ["an empty name", { ...image, name: "", listen: { unixSocket } }],
    ["a line break in the socket", { ...image, listen: { unixSocket: "/run/a\nduallisten = true" } }],
    ["an escape in the socket", { ...image, listen: { unixSocket: "/run/a\\nuser = root" } }],
    ["a relative socket", { ...image, listen: { unixSocket: "a.sock" } }],
    ["a socket that is too long for sockaddr_un", { ...image, listen: { unixSocket: `/${"a".repeat(107)}` } }],
    ["a name for an address", { ...image, listen: { address: "vault.example.net", port: 10_810 } }],
    ["a list of addresses", { ...image, listen: { address: "192.0.2.1, 0.0.0.0", port: 10_810 } }],
    ["an address with a zone", { ...image, listen: { address: "fe80::1%a\nport = 22", port: 10_810 } }],
    ["a port that is none", { ...image, listen: { address: "192.0.2.1", port: 65_536 } }],
    ["half a port", { ...image, listen: { address: "192.0.2.1", port: 1.5 } }],
    ["no descriptor", { ...image, fd: Number.NaN, listen: { unixSocket } }],
  ];
  for (const [what, spec] of hostile) {
    it(`refuses ${what}`, () => {
      assert.throws(() => renderNbdConfig(spec), { code: "internal" });
    });
  }
});
