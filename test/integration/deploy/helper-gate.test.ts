/** What a machine's SSH key is let through to, and above all what it is not. The sandbox itself is tried in the lab. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { makeExec } from "../../../common/exec.ts";

const { exec } = makeExec();
const gate = resolve("deploy/luksmith-helper-gate");
const channel = `12-345-${"0123456789abcdef".repeat(2)}`;

describe("the gate of a machine's key", () => {
  let directory = "";
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "gate-"));
  });
  after(() => rm(directory, { recursive: true }));

  const ask = (asked: string | undefined, ...args: string[]) =>
    exec({
      file: gate,
      args: args.length === 0 ? [directory] : args,
      deadlineMs: 20_000,
      env: asked === undefined ? {} : { SSH_ORIGINAL_COMMAND: asked },
    });

  it("refuses whatever is no SFTP and no word of the helper's, in one line, and expands none of it", async () => {
    const canary = join(directory, "canary");
    for (const asked of [
      undefined,
      "",
      "sh",
      "id",
      "luksmith-helper",
      "luksmith-helper serve ",
      " luksmith-helper serve",
      "luksmith-helper serve --config /tmp/x",
      "luksmith-helper serve\nid",
      `luksmith-helper serve; touch ${canary}`,
      "luksmith-helper setup",
      "luksmith-helper firewall apply",
      "/usr/local/sbin/luksmith-helper serve",
      "sudo luksmith-helper serve",
      `$(touch ${canary})`,
      `\`touch ${canary}\``,
      `internal-sftp\ntouch ${canary}`,
      "internal-sftpx",
      "../sftp-server",
      "luksmith-helper attach",
      "luksmith-helper attach ",
      `luksmith-helper attach ${channel}x`,
      `luksmith-helper attach ${channel}/`,
      `luksmith-helper attach ../${channel}`,
      `luksmith-helper attach ${channel} ${channel}`,
      `luksmith-helper attach ${channel}\n`,
      `luksmith-helper attach ${channel.toUpperCase()}`,
      `luksmith-helper attach ${channel.slice(0, -1)}`,
      `luksmith-helper attach -${channel}`,
      `luksmith-helper attach 12-${channel}`,
      `luksmith-helper attach 1é-345-${"0".repeat(32)}`,
      `luksmith-helper attach --${"0".repeat(32)}`,
      `luksmith-helper attach 1-2-${"$".repeat(32)}`,
      "luksmith-helper attach *",
      `luksmith-helper attach ${"1".repeat(100_000)}`,
    ]) {
      const { exitCode, stdout, stderr } = await ask(asked);
      assert.equal(exitCode, 1, JSON.stringify(asked));
      assert.match(stderr, /^luksmith: .*\n?$/, JSON.stringify(asked));
      assert.equal(stdout.length, 0);
    }
    assert.ok(!existsSync(canary));
  });

  it("carries the bytes of a channel with its exact name, as no other program", async () => {
    const { exitCode, stderr } = await ask(`luksmith-helper attach ${channel}`);
    assert.notEqual(exitCode, 0);
    assert.match(stderr, new RegExp(`/run/luksmith-helper/${channel}/socket/nbd".*No such file or directory`));
  });

  it("is of no use without a directory that root has named", async () => {
    for (const args of [
      ["/nonexistent"],
      ["relative"],
      ["/"],
      ["/srv/../etc"],
      ["/srv/a b"],
      ["/srv", "/etc"],
      ["/srv/$HOME"],
    ]) {
      const { exitCode, stderr } = await ask("internal-sftp", ...args);
      assert.equal(exitCode, 1, args.join(" "));
      assert.match(stderr, /^luksmith: .*\n?$/);
    }
  });
});
