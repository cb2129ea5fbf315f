import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFarSide } from "../../../cli/remote-setup/far-side.ts";

const sha256 = "0123456789abcdef".repeat(4);
const connection = "192.0.2.7 50000 192.0.2.1 22";

const hosts: [name: string, said: string, rights: string, node: string | undefined][] = [
  ["root, and a Node", `Linux x86_64\n${connection}\nroot\n${sha256}\nend\n`, "root", sha256],
  ["sudo, and no Node", `Linux aarch64\n${connection}\nsudo\nend\n`, "sudo", undefined],
  ["a password", `Linux x86_64\n${connection}\npassword\nend\n`, "password", undefined],
];

for (const [name, said, rights, node] of hosts) {
  test(`a backup host: ${name}`, () => {
    const far = parseFarSide(said, "root@vault");
    assert.equal(far.rights, rights);
    assert.equal(far.node, node);
    assert.deepEqual([far.clientAddress, far.serverAddress], ["192.0.2.7", "192.0.2.1"]);
  });
}

test("an address that is none is none", () => {
  for (const said of ["", "a b c d", "fe80::1%eth0 5 fe80::2%eth0 22", "$(id) 1 ; 2"]) {
    const far = parseFarSide(`Linux x86_64\n${said}\nroot\nend\n`, "root@vault");
    assert.deepEqual([far.clientAddress, far.serverAddress], [undefined, undefined]);
  }
});

const strangers: [name: string, said: string, code: string][] = [
  ["says nothing", "", "refused"],
  ["greets everybody", `Welcome to vault!\nLinux x86_64\n${connection}\nroot\nend\n`, "refused"],
  ["was cut short", `Linux x86_64\n${connection}\nroot\n`, "refused"],
  ["is no Linux", `FreeBSD amd64\n${connection}\nroot\nend\n`, "refused"],
  ["knows no way to be root", `Linux x86_64\n${connection}\nnone\nend\n`, "denied"],
];

for (const [name, said, code] of strangers) {
  test(`a backup host that ${name} is refused`, () => {
    assert.throws(() => parseFarSide(said, "root@vault"), { code });
  });
}
