import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { readSecret, secretFile, writeSecret } from "../../../../controller/authority/secret-file.ts";

describe("the controller's secret", () => {
  let directory = "";
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "luksmith-secret-"));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  it("is for its owner alone, and read as it was written", async () => {
    const secret = randomBytes(32);
    await writeSecret(directory, secret);
    assert.equal((await stat(secretFile(directory))).mode & 0o777, 0o600);
    assert.deepEqual(await readSecret(directory), secret);
  });

  it("is not read when others can, and when it is no secret", async () => {
    const path = secretFile(directory);
    await chmod(path, 0o640);
    await assert.rejects(readSecret(directory), { code: "config", hint: /chmod 600/ });
    for (const text of ["", "\n", "ab".repeat(31), `${"ab".repeat(32)}\n\n`]) {
      await writeFile(path, text);
      await chmod(path, 0o600);
      await assert.rejects(readSecret(directory), { code: "config" }, JSON.stringify(text));
    }
    await rm(path);
    await assert.rejects(readSecret(directory), { code: "config", hint: /luksmith-controller init/ });
    await symlink("/dev/null", path);
    await assert.rejects(readSecret(directory), { code: "config" });
  });
});
