import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { readSecretFrom } from "../../../../controller/config/secret-source.ts";

describe("a secret from a file or from systemd", () => {
  let directory = "";
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "luksmith-secret-"));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  async function secret(name: string, content: string, mode = 0o600): Promise<string> {
    const path = join(directory, name);
    await writeFile(path, content, { mode });
    await chmod(path, mode);
    return path;
  }

  it("is the first line", async () => {
    const path = await secret("good", "hunter2 \r\nmore\n");
    assert.equal(await readSecretFrom({ from: "file", path }), "hunter2 ");
  });

  it("comes as a credential", async () => {
    await secret("smtp", "hunter2\n", 0o400);
    const before = process.env.CREDENTIALS_DIRECTORY;
    process.env.CREDENTIALS_DIRECTORY = directory;
    try {
      assert.equal(await readSecretFrom({ from: "credential", name: "smtp" }), "hunter2");
    } finally {
      if (before === undefined) delete process.env.CREDENTIALS_DIRECTORY;
      else process.env.CREDENTIALS_DIRECTORY = before;
    }
    await assert.rejects(readSecretFrom({ from: "credential", name: "smtp" }), { code: "config", message: /systemd/ });
  });

  it("is refused when others can read it, when it is a link, empty, too long or missing", async () => {
    const link = join(directory, "link");
    await symlink(await secret("target", "hunter2\n"), link);
    const cases: [string, RegExp][] = [
      [await secret("open", "hunter2\n", 0o640), /others can read/],
      [link, /is a symbolic link/],
      [await secret("empty", "\n"), /is empty/],
      [await secret("long", "x".repeat(5000)), /longer than 4 KiB/],
      [join(directory, "missing"), /is not there/],
      [directory, /not a regular file/],
    ];
    for (const [path, message] of cases) {
      await assert.rejects(readSecretFrom({ from: "file", path }), (error: Error) => {
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /hunter2/);
        return true;
      });
    }
  });
});
