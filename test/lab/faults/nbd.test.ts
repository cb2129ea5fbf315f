/** What goes wrong over nbd, in the tunnel and over TCP: the host, the wire and the agent vanish while a volume is written to. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { endlessFiles, endlessSource, homeAndEndless, startEndlessBackup } from "../harness/endless-backup.ts";
import { assertNothingLeft } from "../harness/leak-check.ts";
import { assertDone, Scene } from "../harness/scene.ts";
import { SecondHost } from "../harness/second-host.ts";

/** The helper asks every 10 s whether the machine is there still, and is answered by its kernel that it is not. */
const noticedMs = 90_000;

const direct = `
machines:
  ${SecondHost.user}: { directory: /srv/luksmith-lab, trustedWire: [10.99.0.1] }
direct: { address: ${SecondHost.address}, ports: 10810-10813 }
`;

for (const { way, remote, helper } of [
  { way: "in the tunnel", remote: "transport: nbd, stallTimeout: 5s", helper: {} },
  {
    way: "over TCP",
    remote: "transport: nbd, trustedWire: true, stallTimeout: 5s",
    helper: { config: direct, firewall: true },
  },
]) {
  describe(`nbd ${way}`, () => {
    const scene = Scene.set({
      remote,
      helper,
      config: `${homeAndEndless}  fast: { volume: home, sources: [${endlessSource}] }
`,
      volumes: ["home"],
    });

    const endsAs = async (id: string, ...codes: string[]) => {
      const { run, events } = await scene.agent.follow(id);
      assert.equal(run.state, RunState.FAILED);
      assert.ok(codes.includes(run.error?.code ?? ""), run.error?.message);
      const notes = events.flatMap(({ kind }) => (kind?.$case === "note" ? [kind.value.message] : []));
      assert.ok(!notes.some((note) => note.includes("tunnel")), notes.join("\n"));
    };

    it("ends when the host vanishes, and leaves nothing", async () => {
      const id = await startEndlessBackup(scene.agent);
      await scene.host.stop();
      await endsAs(id, "lost");
      await scene.host.start();
      assertDone(await scene.agent.backup("fast"));
    });

    it("ends when nothing comes back any more", async () => {
      const id = await startEndlessBackup(scene.agent);
      await scene.host.unplug();
      // the watchdog's word, or ssh's, whichever of them owes something first
      await endsAs(id, "stalled", "lost").finally(() => scene.host.plugIn());
      // what the host still has of it is waited for, as it is this machine's own
      assertDone(await scene.agent.backup("fast"));
      await assertNothingLeft(undefined, noticedMs);
    });

    it("is released by the next agent when one is killed", async () => {
      const id = await startEndlessBackup(scene.agent);
      await scene.agent.stop("SIGKILL");
      await scene.startAgent();
      await assertNothingLeft();
      assert.equal((await scene.agent.follow(id)).run.state, RunState.INTERRUPTED);
      assertDone(await scene.agent.backup("fast"));
      const verified = await scene.agent.verify("fast");
      assertDone(verified);
      assert.equal(verified.run.totals?.filesEqual, endlessFiles);
    });
  });
}
