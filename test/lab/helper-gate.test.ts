/** A machine's key at a backup host that has the helper: SFTP, the helper and the bytes of its images go through the gate. */

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { type Finished, makeExec } from "../../common/exec.ts";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";
import { SecondHost } from "./harness/second-host.ts";

const { exec } = makeExec();
const deadlineMs = 120_000;
const identityFile = "/etc/luksmith/ssh/id_ed25519";

describe("the gate on the second host", () => {
  let host: SecondHost;
  let ssh: string[] = [];
  before(async () => {
    host = await SecondHost.create({ identityFile, helper: {} });
    ssh = ["-i", identityFile, "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes"];
  });
  after(() => host[Symbol.asyncDispose]());

  const ask = (command: string, stdin = ""): Promise<Finished> =>
    exec({ file: "ssh", args: [...ssh, `${host.user}@${host.address}`, command], stdin, deadlineMs });

  const sftp = (...lines: string[]): Promise<Finished> =>
    exec({
      file: "sftp",
      args: [...ssh, "-b", "-", `${host.user}@${host.address}`],
      stdin: lines.map((line) => `${line}\n`).join(""),
      deadlineMs,
    });

  it("lets SFTP into the machine's directory", async () => {
    await writeFile("/run/hello", "hello\n");
    const inside = await sftp("pwd", "put /run/hello images/hello", "ls images", "rm images/hello");
    assert.equal(inside.exitCode, 0, inside.stderr);
    assert.match(inside.stdout.toString(), /working directory: \/srv\/luksmith-lab\n(.*\n)*images\/hello/);
  });

  it("shows SFTP nothing else", async () => {
    for (const line of [
      "ls /",
      "ls ..",
      "ls /etc",
      "get /etc/shadow /run/x",
      "get /etc/hostname /run/x",
      "put /run/hello /x",
    ]) {
      const outside = await sftp(line);
      assert.notEqual(outside.exitCode, 0, `${line}: ${outside.stdout}`);
    }
  });

  it("lets the helper answer, which sudo tells whom it is for", async () => {
    const said = await ask("luksmith-helper serve", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    assert.equal(said.exitCode, 0, said.stderr);
    assert.ok(said.stdout.length >= 9, "it sends its settings");
  });

  it("carries a channel's bytes, and refuses the rest", async () => {
    const nowhere = await ask(`luksmith-helper attach 1-2-${"0".repeat(32)}`);
    assert.match(nowhere.stderr, /socket\/nbd.*No such file/);
    for (const command of ["id", "luksmith-helper serve; id", "sh -c id"]) {
      const { exitCode, stdout, stderr } = await ask(command);
      assert.equal(exitCode, 1);
      assert.equal(stdout.length, 0);
      assert.match(stderr, /nothing else/);
    }
  });
});

describe("a backup through the gate", () => {
  const source = "/srv/people";
  const scene = Scene.set({
    prepare: async () => {
      await mkdir(source, { recursive: true });
      await writeFile(`${source}/letter`, "dear all\n");
    },
    helper: {},
    volumes: ["home"],
    config: homeAndDocs(source),
  });

  it("is as any other", async () => {
    assertDone(await scene.agent.backup("docs"));
    assertDone(await scene.agent.verify("docs"));
  });
});
