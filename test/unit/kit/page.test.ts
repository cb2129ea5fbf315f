import assert from "node:assert/strict";
import { test } from "node:test";
import { PDFDocument } from "@cantoo/pdf-lib";
import { kitDirectoryFault } from "../../../cli/kit/kit-directory.ts";
import { kitPage, knownHostsText } from "../../../cli/kit/page.ts";
import { pagePdf } from "../../../cli/kit/pdf.ts";
import { shellWord } from "../../../common/shell-word.ts";
import type { RecoveryKit } from "../../../proto/gen/luksmith/v1/agent.ts";

const passphrase = "x7k2m-abcde-01234-56789-fghjk-mnpqr";

function sampleKit(changes: Partial<RecoveryKit> = {}): RecoveryKit {
  return {
    volume: "home",
    hostname: "web01",
    madeAt: new Date("2026-11-23T02:00:00Z"),
    slot: 1,
    host: "vault.example.net",
    port: 22,
    user: "lm-web01",
    path: "images",
    image: "home.luks",
    imageSize: 200 * 2 ** 30,
    filesystem: "ext4",
    luksUuid: "2b5aa9a0-8f2a-4a4e-9d3a-5d1b9a1f0c11",
    cipher: "aes-xts-plain64",
    volumeKeyBits: 512,
    jobs: ["docs"],
    hostKeys: ["ssh-ed25519 AAAA"],
    identity: "/etc/luksmith/ssh/id_ed25519",
    ...changes,
  };
}

const commands = (page: string) => page.split("\n").filter((line) => line.startsWith("    "));

test("the page names the host, the image and the passphrase, and both ways to open it", () => {
  const page = kitPage(sampleKit(), passphrase);
  assert.ok(page.includes(`Recovery passphrase:   ${passphrase}\n`));
  const typed = commands(page);
  assert.ok(typed.some((line) => line.includes("-P 22 lm-web01@vault.example.net:images/home.luks /srv/image/")));
  assert.ok(typed.some((line) => line.includes("-p 22 lm-web01@vault.example.net:images /mnt/image")));
  assert.deepEqual(
    typed.filter((line) => line.includes("cryptsetup open")),
    [
      '    cryptsetup open --type luks2 --readonly --header "$KIT/header.luks" "$IMAGE" home-backup',
      '    cryptsetup open --type luks2 --readonly "$IMAGE" home-backup',
    ],
  );
  assert.ok(typed.some((line) => line.includes("mount -t ext4 -o ro,")));
  assert.ok(kitPage(sampleKit({ filesystem: "btrfs" }), passphrase).includes("mount -t btrfs -o ro,"));
});

test("a directory with anything in its name is one word of a shell, an address of IPv6 has its brackets", () => {
  const page = kitPage(sampleKit({ path: "/srv/it's here", host: "2001:db8::7", port: 2222 }), passphrase);
  assert.ok(page.includes(`-P 2222 'lm-web01@[2001:db8::7]:/srv/it'\\''s here/home.luks' /srv/image/`));
  assert.equal(shellWord("$(reboot)"), "'$(reboot)'");
  assert.equal(knownHostsText(sampleKit({ port: 2222 })), "[vault.example.net]:2222 ssh-ed25519 AAAA\n");
  assert.equal(knownHostsText(sampleKit()), "vault.example.net ssh-ed25519 AAAA\n");
});

test("the login directory itself", () => {
  const page = kitPage(sampleKit({ path: "." }), passphrase);
  assert.ok(page.includes("lm-web01@vault.example.net:home.luks /srv/image/"));
  assert.ok(page.includes("lm-web01@vault.example.net: /mnt/image"));
});

test("the PDF is one page, whatever stands in the names", async () => {
  for (const kit of [sampleKit(), sampleKit({ path: `/${"ä long path/".repeat(30)}`, jobs: Array(40).fill("job") })]) {
    const pdf = await pagePdf(kitPage(kit, passphrase), passphrase, "kit");
    assert.equal((await PDFDocument.load(pdf)).getPageCount(), 1);
  }
});

test("a kit goes into a directory that is nobody else's", () => {
  const directory = { uid: 1000, mode: 0o40700 };
  assert.equal(kitDirectoryFault("/k", directory, 1000), undefined);
  for (const mode of [0o40750, 0o40701, 0o40755, 0o41777, 0o40710]) {
    assert.match(
      kitDirectoryFault("/k", { ...directory, mode }, 1000)?.hint ?? "",
      /^chmod 0700 \/k/,
      mode.toString(8),
    );
  }
  assert.match(kitDirectoryFault("/k", directory, 0)?.message ?? "", /belongs to another user/);
});
