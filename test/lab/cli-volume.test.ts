/** The command line as root types it on a new machine: the first volume. */

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { describe, it } from "node:test";
import { cli } from "./harness/lab-agent.ts";
import { homeAndDocs, Scene } from "./harness/scene.ts";

const source = "/srv/people";

describe("people", () => {
  Scene.set({
    prepare: () => mkdir(source, { recursive: true }),
    config: homeAndDocs(source),
    volumes: [],
  });

  it("are told to create a volume, and do it", async () => {
    const early = await cli(["backup", "docs"]);
    assert.equal(early.exitCode, 10);
    assert.match(early.stderr, /hint: luksmith volume create home/);
    const created = await cli(["volume", "create", "home", "--json"]);
    assert.equal(created.exitCode, 0, created.stderr);
    const passphrase = /([0-9a-z]{5}-){5}[0-9a-z]{5}/;
    assert.match(created.stdout.toString(), passphrase);
    const log = await cli(["log", "last"]);
    assert.doesNotMatch(log.stdout.toString(), passphrase);
    const last = await cli(["doctor"]);
    assert.equal(last.exitCode, 0, last.stdout.toString());
  });
});
