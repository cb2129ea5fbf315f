/** What `npm run` starts: it has to find its feet in a checkout without packages, and to get out of the way after that. */

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

const bootstrap = resolve("scripts/bootstrap.mjs");

describe("the bootstrap", () => {
  let checkout: string;

  beforeEach(async () => {
    checkout = await mkdtemp(join(tmpdir(), "luksmith-bootstrap-"));
    for (const directory of ["scripts", "bin"]) await mkdir(join(checkout, directory));
    await copyFile(bootstrap, join(checkout, "scripts/bootstrap.mjs"));
    await writeFile(join(checkout, "package-lock.json"), "{}");
    await utimes(join(checkout, "package-lock.json"), new Date(1000), new Date(1000));
    // a small npm: notes how it was called, and installs this Node
    await writeFile(
      join(checkout, "bin/npm"),
      `#!/bin/sh
echo "$@" >> npm.log
[ -e npm-fails ] && { echo no network >&2; exit 7; }
mkdir -p node_modules/.bin && ln -sf ${process.execPath} node_modules/.bin/node && echo {} > node_modules/.package-lock.json
`,
    );
    await chmod(join(checkout, "bin/npm"), 0o755);
    await writeFile(
      join(checkout, "scripts/say.ts"),
      "console.log(process.argv.slice(2).join(' ')); process.exitCode = 9;\n",
    );
  });
  afterEach(() => rm(checkout, { recursive: true, force: true }));

  const environment = () => ({ ...process.env, PATH: `${join(checkout, "bin")}:${process.env.PATH}` });

  function run(...args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
    return new Promise((settle) => {
      const argv = [join(checkout, "scripts/bootstrap.mjs"), ...args];
      execFile(process.execPath, argv, { env: environment() }, (error, stdout, stderr) => {
        settle({ code: error?.code ?? 0, stdout, stderr });
      });
    });
  }

  const npmCalls = async () => (await readFile(join(checkout, "npm.log"), "utf8")).trim().split("\n");

  it("installs the packages once, then only runs the script", async () => {
    const first = await run("scripts/say.ts", "a", "b c");
    assert.match(first.stdout, /^installing the npm packages.*\na b c\n$/);
    assert.equal(first.code, 9);
    const second = await run("scripts/say.ts", "again");
    assert.equal(second.stdout, "again\n");
    assert.equal((await npmCalls()).length, 1);
    assert.match((await npmCalls())[0] ?? "", /^ci /);
  });

  it("installs again when the lock file is newer, and when an installation was interrupted", async () => {
    await run("scripts/say.ts");
    await utimes(join(checkout, "package-lock.json"), new Date(), new Date(Date.now() + 60_000));
    await run("scripts/say.ts");
    assert.equal((await npmCalls()).length, 2);
    await utimes(join(checkout, "package-lock.json"), new Date(1000), new Date(1000));
    await rm(join(checkout, "node_modules/.package-lock.json"));
    await run("scripts/say.ts");
    assert.equal((await npmCalls()).length, 3);
  });

  it("says that npm failed, and does not run the script", async () => {
    await writeFile(join(checkout, "npm-fails"), "");
    const failed = await run("scripts/say.ts", "never");
    assert.equal(failed.code, 1);
    assert.doesNotMatch(failed.stdout, /never/);
    assert.match(failed.stderr, /^no network\nerror: npm ci failed\nhint: /);
  });

  it("passes a signal on and waits for the script to clean up", async () => {
    await mkdir(join(checkout, "node_modules/.bin"), { recursive: true });
    await symlink(process.execPath, join(checkout, "node_modules/.bin/node"));
    await writeFile(join(checkout, "node_modules/.package-lock.json"), "{}");
    await writeFile(
      join(checkout, "scripts/wait.ts"),
      `process.on("SIGTERM", () => { console.log("clean"); process.exit(143); });\nsetInterval(() => undefined, 1000);\nconsole.log("ready");\n`,
    );
    const child = spawn(process.execPath, [join(checkout, "scripts/bootstrap.mjs"), "scripts/wait.ts"]);
    let said = "";
    child.stdout.on("data", (chunk) => {
      said += chunk;
      if (said === "ready\n") child.kill("SIGTERM");
    });
    const [code] = await once(child, "close");
    assert.equal(code, 143);
    assert.equal(said, "ready\nclean\n");
  });
});
