/** The command line as root types it on a new machine: whom to trust. */

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { describe, it } from "node:test";
import { cli } from "./harness/lab-agent.ts";
import { homeAndDocs, Scene } from "./harness/scene.ts";

const source = "/srv/people";

describe("people", () => {
  const scene = Scene.set({
    prepare: () => mkdir(source, { recursive: true }),
    config: homeAndDocs(source),
  });

  it("are told by the doctor whom to trust, and do it", async () => {
    const first = await cli(["doctor"]);
    assert.notEqual(first.exitCode, 0);
    assert.match(first.stdout.toString(), /luksmith remote trust vault/);
    const wrong = await cli([
      "remote",
      "trust",
      "vault",
      "--fingerprint",
      "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ]);
    assert.equal(wrong.exitCode, 13);
    assert.ok(wrong.stderr.includes(await scene.host.hostKeyFingerprint()), wrong.stderr);
    const trusted = await cli(["remote", "trust", "vault", "--fingerprint", await scene.host.hostKeyFingerprint()]);
    assert.equal(trusted.exitCode, 0, trusted.stderr);
  });
});
