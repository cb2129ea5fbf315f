/** A backup host from which nothing comes back any more: the connection stands, and every packet is dropped. */

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, it } from "node:test";
import type { RemoteConfig } from "../../../agent/config/remote.ts";
import { renderSshConfig, sshAlias } from "../../../agent/remote/ssh-config.ts";
import { connectionEnded } from "../../../agent/remote/ssh-failure.ts";
import { systemClock } from "../../../common/clock.ts";
import { makeExec } from "../../../common/exec.ts";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { sampleRemote } from "../../unit/remote/sample-remote.ts";
import { endlessSource, homeAndEndless, startEndlessBackup } from "../harness/endless-backup.ts";
import { identityFile } from "../harness/lab-agent.ts";
import { assertNothingLeft } from "../harness/leak-check.ts";
import { assertDone, Scene } from "../harness/scene.ts";
import { SecondHost } from "../harness/second-host.ts";

const stallMs = 5000;
const cleanWithinMs = 10_000;

const { start } = makeExec();

/** SSH_FXP_INIT of version 3, to which a server says its own (draft-ietf-secsh-filexfer-02, 4), and then nothing more. */
async function* greetingForEver(): AsyncGenerator<Uint8Array> {
  yield Uint8Array.of(0, 0, 0, 5, 1, 0, 0, 0, 3);
  await new Promise(() => undefined);
}

describe("a backup host that falls silent", () => {
  const scene = Scene.set({
    remote: `stallTimeout: ${stallMs}ms`,
    config: `${homeAndEndless}  fast: { volume: home, sources: [${endlessSource}] }
`,
    volumes: ["home"],
  });

  it("ends the run, and within ten seconds everything of it is gone", async () => {
    const id = await startEndlessBackup(scene.agent);
    await scene.host.unplug();
    const followed = scene.agent.follow(id);
    // by the watchdog, or by ssh on a machine that is late with it: the finding is the same
    await Promise.race([scene.agent.logged(/the stack is broken/), followed]);
    const detectedMs = systemClock.monotonicMs();
    const { run: ended } = await followed;
    await assertNothingLeft();
    const tookMs = systemClock.monotonicMs() - detectedMs;
    assert.equal(ended.state, RunState.FAILED);
    assert.equal(ended.error?.code, "stalled", ended.error?.message);
    assert.match(ended.error?.message ?? "", /vault has not answered for 5.0 s/);
    assert.ok(tookMs < cleanWithinMs, `clean after ${Math.round(tookMs)} ms`);
    await scene.host.plugIn();
    assertDone(await scene.agent.backup("fast"));
  });

  it("is called silent by ssh too, which is quicker when nothing was asked of it for a while", async () => {
    const directory = await mkdtemp("/run/silent-");
    const remote: RemoteConfig = {
      ...sampleRemote,
      host: SecondHost.address,
      port: 22,
      user: SecondHost.user,
      identity: identityFile,
      stallTimeoutMs: 1000,
    };
    const [config, knownHosts] = [join(directory, "config"), join(directory, "known_hosts")];
    await writeFile(knownHosts, `${sshAlias(remote)} ${await readFile(`${scene.host.hostKeyFile}.pub`, "utf8")}`);
    await writeFile(config, renderSshConfig(remote, knownHosts));
    const answered = Promise.withResolvers<void>();
    const ssh = start({
      file: "ssh",
      args: ["-F", config, "-s", "--", sshAlias(remote), "sftp"],
      stdin: Readable.from(greetingForEver()),
      onStdout: () => answered.resolve(),
      endsItsGroup: true,
    });
    await Promise.race([answered.promise, ssh.finished.then(({ stderr }) => assert.fail(stderr))]);
    await scene.host.unplug();
    const { stderr } = await ssh.finished.finally(() => scene.host.plugIn());
    await rm(directory, { recursive: true });
    assert.equal(connectionEnded(remote, stderr).code, "stalled", stderr);
  });

  it("is waited for when it is silent for less", async () => {
    const { run: started } = await scene.agent.startBackup("fast");
    await scene.host.unplug();
    await systemClock.sleep(stallMs / 2);
    await scene.host.plugIn();
    assertDone(await scene.agent.follow(started?.id ?? ""));
  });
});
