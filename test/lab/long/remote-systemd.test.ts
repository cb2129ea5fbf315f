/** A setup on a backup host that systemd runs: units are enabled and stopped, sshd is told by its unit, and all of it is taken back. */

import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Finished, makeExec, mustRun } from "../../../common/exec.ts";
import { assertNothingLeft } from "../harness/leak-check.ts";
import { ServiceManager } from "../harness/service-manager.ts";

const { exec } = makeExec();
const deadlineMs = 120_000;
const user = "lm-web01";
const key = "/run/lab-key";
const sshUnit = "ssh.service";
const firewallUnit = "luksmith-helper-firewall.service";
const table = ["nft", "list", "table", "inet", "luksmith_helper"] as const;

describe("a setup under systemd", () => {
  let systemd: ServiceManager;

  before(async () => {
    await mustRun(exec, { file: "ssh-keygen", args: ["-q", "-t", "ed25519", "-N", "", "-f", key], deadlineMs });
    systemd = await ServiceManager.start();
    await systemd.install(sshUnit, await readFile(`/lib/systemd/system/${sshUnit}`, "utf8"));
    const started = await systemd.run(["systemctl", "start", sshUnit]);
    assert.equal(started.exitCode, 0, started.stderr);
  });
  after(async () => {
    await systemd[Symbol.asyncDispose]();
    for (const path of [key, `${key}.pub`]) await rm(path);
    await assertNothingLeft();
  });

  const helper = (...args: string[]) =>
    systemd.run([process.execPath, resolve("dist/luksmith-helper.mjs"), "setup", ...args]);
  const setUp = async (): Promise<Finished & { said: string }> => {
    const publicKey = (await readFile(`${key}.pub`, "utf8")).trimEnd();
    const request = { machine: user, path: "images", publicKey, direct: { from: "192.0.2.7", to: "127.0.0.1" } };
    const file = "/run/setup-request.json";
    await writeFile(file, JSON.stringify(request));
    const finished = await helper("--request", file);
    return { ...finished, said: `${finished.stdout}${finished.stderr}` };
  };
  const ssh = (command: string) => {
    const options = ["IdentitiesOnly=yes", "StrictHostKeyChecking=no", "BatchMode=yes", "UserKnownHostsFile=/dev/null"];
    const args = ["-i", key, ...options.flatMap((option) => ["-o", option]), `${user}@127.0.0.1`, command];
    return exec({ file: "ssh", args, stdin: "no gRPC", deadlineMs });
  };

  it("is read by sshd, shuts the ports, and would shut them at the next boot", async () => {
    const done = await setUp();
    assert.equal(done.exitCode, 0, done.said);
    const served = await ssh("luksmith-helper serve");
    assert.match(served.stderr, /what came on standard input is no gRPC/);
    assert.equal((await ssh("id")).stdout.length, 0);
    assert.equal((await systemd.run(["systemctl", "is-enabled", firewallUnit])).stdout.toString().trim(), "enabled");
    assert.equal((await systemd.run(table)).exitCode, 0);

    await systemd.run(["nft", "delete", "table", "inet", "luksmith_helper"]);
    const booted = await systemd.run(["systemctl", "start", firewallUnit]);
    assert.equal(booted.exitCode, 0, booted.stderr);
    assert.equal(await systemd.show(firewallUnit, "ActiveState"), "active");
    assert.equal((await systemd.run(table)).exitCode, 0);
  });

  it("has nothing to do the second time", async () => {
    const again = await setUp();
    assert.match(again.said, /^nothing is to be done$/m, again.said);
  });

  it("is taken back", async () => {
    const removed = await helper("--remove", user);
    assert.equal(removed.exitCode, 0, `${removed.stdout}${removed.stderr}`);
    assert.match((await ssh("luksmith-helper serve")).stderr, /Permission denied/);
    assert.equal(await systemd.show(sshUnit, "ActiveState"), "active");
    assert.notEqual((await systemd.run(["systemctl", "is-enabled", firewallUnit])).exitCode, 0);
    assert.notEqual(await systemd.show(firewallUnit, "ActiveState"), "active");
    assert.notEqual((await systemd.run(table)).exitCode, 0);
  });
});
