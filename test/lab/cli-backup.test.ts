/** The command line as root types it every day: a backup, and a look at it. */

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { cli } from "./harness/lab-agent.ts";
import { homeAndDocs, Scene } from "./harness/scene.ts";

const source = "/srv/people";

async function makeSource(): Promise<void> {
  await mkdir(source, { recursive: true });
  await writeFile(join(source, "-dash"), "begins with a dash\n");
}

describe("people", () => {
  Scene.set({
    prepare: makeSource,
    config: homeAndDocs(source),
    volumes: ["home"],
  });

  it("back up, and look at what came of it", async () => {
    const backup = await cli(["backup", "docs"]);
    assert.equal(backup.exitCode, 0, backup.stderr);
    assert.match(backup.stderr + backup.stdout, /copy/);
    const json = (await cli(["snapshots", "docs", "--json"])).stdout
      .toString()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.equal(json.filter(({ type }) => type === "snapshot").length, 1);
    const listed = await cli(["ls", "docs", source]);
    assert.match(listed.stdout.toString(), /-dash/);
  });
});
