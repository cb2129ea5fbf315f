/** An agent that finds another one at work. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { LuksmithError } from "../../common/errors.ts";
import { cheapKdf, configPath, runtimeDir } from "./harness/lab-agent.ts";
import { Scene } from "./harness/scene.ts";

const run = promisify(execFile);

describe("a second agent", () => {
  const scene = Scene.set({
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs: {}
`,
  });

  it("does not start", async () => {
    const second = await run(process.execPath, ["dist/luksmith-agent.mjs", "--config", configPath]).catch(
      (error) => error,
    );
    assert.equal(second.code, new LuksmithError("locked", "").exitCode);
    assert.equal((await scene.agent.status()).hostname.length > 0, true);
    assert.deepEqual((await readdir(runtimeDir)).includes("agent.sock"), true);
  });
});
