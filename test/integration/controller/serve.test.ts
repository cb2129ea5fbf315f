/** The controller as a process: a start that cannot be finished, and its end. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const mainFile = fileURLToPath(new URL("../../../controller/main.ts", import.meta.url));
/** Configuration, as exit codes have it. */
const configExitCode = 2;

describe("luksmith-controller serve", { timeout: 300_000 }, () => {
  let directory = "";
  const children: ChildProcess[] = [];
  const servers: Server[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "luksmith-serve-"));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    for (const server of servers.splice(0)) server.close();
    await rm(directory, { recursive: true, force: true });
  });

  const start = (...args: string[]) => {
    const child = spawn(process.execPath, [mainFile, ...args, "--state-dir", directory], { stdio: "pipe" });
    children.push(child);
    let said = "";
    const ready = Promise.withResolvers<void>();
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (text) => {
        said += text;
        if (said.includes('"msg":"ready"')) ready.resolve();
      });
    }
    const ended = once(child, "close").then(([exitCode]) => ({ exitCode: Number(exitCode), said }));
    return { child, ready: ready.promise, ended };
  };
  const init = async () => {
    const { exitCode, said } = await start("init", "--address", "127.0.0.1:7443").ended;
    assert.equal(exitCode, 0, said);
  };
  const taken = async () => {
    const server = createServer().listen(0, "127.0.0.1");
    servers.push(server);
    await once(server, "listening");
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const free = async () => {
    const address = await taken();
    const server = servers.pop();
    server?.close();
    if (server !== undefined) await once(server, "close");
    return address;
  };

  it("ends when another program has one of its ports", async () => {
    await init();
    for (const ports of [
      ["--listen", await taken(), "--http", await free()],
      ["--listen", await free(), "--http", await taken()],
    ]) {
      const { exitCode, said } = await start("serve", ...ports).ended;
      assert.equal(exitCode, configExitCode, said);
      assert.match(said, /cannot listen on 127\.0\.0\.1:/);
    }
  });

  it("makes no database where no fleet has begun, and says how one begins", async () => {
    const { exitCode, said } = await start("serve", "--listen", await free(), "--http", await free()).ended;
    assert.equal(exitCode, configExitCode, said);
    assert.match(said, /controller\.secret is not there/);
    assert.match(said, /luksmith-controller init makes it/);
    assert.deepEqual(await readdir(directory), []);
  });

  it("leaves a database alone that a newer program has made, and says so", async () => {
    await init();
    const file = join(directory, "controller.db");
    const database = new DatabaseSync(file);
    database.exec("insert into kysely_migration (name, timestamp) values ('9999-later', '2030')");
    database.close();
    const before = await readFile(file);
    for (const args of [
      ["serve", "--listen", await free(), "--http", await free()],
      ["init", "--address", "127.0.0.1:7443"],
    ]) {
      const { exitCode, said } = await start(...args).ended;
      assert.equal(exitCode, configExitCode, said);
      assert.match(said, /was written by a newer luksmith \(9999-later; this one knows /);
      assert.match(said, /install the newer luksmith-controller again/);
      assert.ok(before.equals(await readFile(file)));
    }
  });

  it("counts what it does for the fleet again and again", async () => {
    await init();
    const http = await free();
    const { ready } = start("serve", "--listen", await free(), "--http", http);
    await ready;
    const response = await fetch(`http://${http}/metrics`);
    assert.match(await response.text(), /^luksmith_task_duration_seconds_count\{task="permits"\} [1-9]/m);
  });

  it("ends at a signal, at a second one as well, and begins again", async () => {
    await init();
    for (const signals of [1, 2]) {
      const { child, ready, ended } = start("serve", "--listen", await free(), "--http", await free());
      await ready;
      for (let sent = 0; sent < signals; sent += 1) child.kill("SIGTERM");
      const { exitCode, said } = await ended;
      assert.equal(exitCode, 0, said);
    }
  });
});
