/** A volume whose key the operator brings. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { LuksmithError } from "../../common/errors.ts";
import { cheapKdf } from "./harness/lab-agent.ts";
import { assertDone, Scene } from "./harness/scene.ts";

const run = promisify(execFile);
const key = "/tmp/own.key";

describe("a key of one's own", () => {
  const scene = Scene.set({
    prepare: () => writeFile(key, "a key of my own", { mode: 0o400 }),
    config: `
volumes:
  own: { remote: vault, image: own.luks, size: 64M, key: { file: ${key} }, ${cheapKdf} }
`,
    volumes: [],
  });

  it("opens the volume, and then no passphrase is made", async () => {
    const created = await scene.agent.create("own");
    assertDone(created);
    assert.equal(created.recoveryPassphrase, "");
    const image = join(scene.host.imagesPath, "own.luks");
    await run("cryptsetup", ["open", "--test-passphrase", "--key-file", key, image]);
  });

  it("is refused in a file that others can read, with the chmod to type", async () => {
    await chmod(key, 0o444);
    try {
      const checked = await scene.agent.check("own");
      assert.equal(checked.run.error?.code, "config");
      assert.equal(checked.run.error?.hint, `chmod 0400 ${key}`);
    } finally {
      await chmod(key, 0o400);
    }
  });

  it("is said to be wrong when it is, and nothing is mounted", async () => {
    await rename(key, `${key}.right`);
    await writeFile(key, "another key", { mode: 0o400 });
    try {
      const checked = await scene.agent.check("own");
      assert.equal(checked.run.error?.code, "wrong_key");
      assert.equal(new LuksmithError("wrong_key", "").exitCode, 12);
    } finally {
      await rm(key);
      await rename(`${key}.right`, key);
    }
  });
});
