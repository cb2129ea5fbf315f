/** What nobody should have typed. */

import assert from "node:assert/strict";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { cli } from "./harness/lab-agent.ts";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";

const source = "/srv/people";

async function makeSource(): Promise<void> {
  await mkdir(source, { recursive: true });
  await writeFile(join(source, "notes"), "notes\n");
}

describe("people", () => {
  const scene = Scene.set({
    prepare: makeSource,
    config: homeAndDocs(source),
    volumes: ["home"],
  });

  it("type nonsense, and are refused at the door", async () => {
    assertDone(await scene.agent.backup("docs"));
    for (const name of ["-x", "../home", "a/b", "a\nb", "a:b", "nothing"]) {
      const answer = await cli(["backup", "--", name]);
      assert.ok([2, 10].includes(answer.exitCode), `${JSON.stringify(name)}: ${answer.exitCode} ${answer.stderr}`);
      assert.match(answer.stderr, /^error: /m);
    }
    const path = await cli(["ls", "docs", "../../etc/shadow"]);
    assert.equal(path.exitCode, 2, path.stderr);
    assert.equal((await cli(["restore", "docs@2001-01-01", "--to", "/tmp/nowhere"])).exitCode, 10);
    await assert.rejects(stat("/tmp/nowhere"), /ENOENT/);
  });
});
