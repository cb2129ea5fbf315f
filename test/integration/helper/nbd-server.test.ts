/** The real nbd-server under the helper: what a hostile client can have of it, and what is said when there is none that will do. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { systemClock } from "../../../common/clock.ts";
import { until } from "../../lab/harness/until.ts";
import { rootOnly } from "../tools/scratch.ts";
import { HelperScene, lookRequest, machine, openRequest, withMounts } from "./helper-scene.ts";

const deadlineMs = 30_000;

/** A client of our own making, as a hostile machine has one. */
class NbdClient {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  #heard = Buffer.alloc(0);

  constructor(socketPath: string) {
    this.socket = connect(socketPath);
    // whatever came before, such as a reset
    this.socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => this.socket.once("close", () => resolve()));
    this.socket.on("data", (chunk) => {
      this.#heard = Buffer.concat([this.#heard, chunk]);
    });
  }

  /** As far as requests. Source: the NBD protocol, "newstyle negotiation", NBD_OPT_EXPORT_NAME. */
  async negotiate(): Promise<void> {
    await this.hears(18);
    const name = Buffer.from("image");
    this.socket.write(
      Buffer.concat([Buffer.from("\0\0\0\x03IHAVEOPT\0\0\0\x01"), Buffer.from([0, 0, 0, name.length]), name]),
    );
    await this.hears(28);
  }

  /** @throws when the server hangs up first */
  async hears(bytes: number): Promise<void> {
    const heard = () => this.#heard.length >= bytes;
    await until(async () => heard() || this.socket.destroyed, `${bytes} bytes from nbd-server, or its end`);
    if (!heard()) throw new Error(`nbd-server hung up before ${bytes} bytes`);
  }
}

async function negotiate(socketPath: string): Promise<NbdClient> {
  const client = new NbdClient(socketPath);
  await client.negotiate();
  return client;
}

function request(type: number, length: number): Buffer {
  const words = Buffer.alloc(28);
  words.writeUInt32BE(0x25609513, 0);
  words.writeUInt16BE(type, 6);
  words.writeUInt32BE(length, 24);
  return words;
}

const status = (pid: number, name: string) =>
  Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

describe("nbd-server under the helper", { ...rootOnly, concurrency: 4 }, () => {
  it("runs as the machine's user, within limits, and has nothing open that it does not need", async (t) => {
    const scene = new HelperScene(t);
    scene.writeImage();
    await using helper = await scene.start();
    await helper.call("openExport", openRequest());
    const [pid = 0] = scene.servers();
    assert.deepEqual([status(pid, "Uid"), status(pid, "NoNewPrivs")], [machine.uid, 1]);
    const limits = readFileSync(`/proc/${pid}/limits`, "utf8");
    assert.match(limits, /^Max address space +536870912 +536870912/m);
    assert.match(limits, /^Max open files +64 +64/m);
    const files = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    const ours = files.filter((path) => path.startsWith(scene.path)).toSorted();
    assert.deepEqual(ours, [scene.at("images/home.luks"), join(scene.runtimeDir, `machines/${machine.name}/export.0`)]);
  });

  for (const [what, type] of [
    ["read", 0],
    ["write", 1],
  ] as const) {
    it(`gets no memory for a ${what} of four gigabytes, and takes nothing with it`, async (t) => {
      const scene = new HelperScene(t);
      scene.writeImage();
      await using helper = await scene.start();
      const { channel } = await helper.call("openExport", openRequest());
      const [pid = 0] = scene.servers();
      const client = await negotiate(join(scene.runtimeDir, channel, "socket/nbd"));
      let peakKib = 0;
      const look = setInterval(() => {
        try {
          // one that ends has no memory, and says nothing of it
          peakKib = Math.max(peakKib, status(pid, "VmPeak") || 0);
        } catch {
          // it has ended
        }
      }, 5);
      client.socket.write(Buffer.concat([request(type, 0xffffffff), Buffer.alloc(2 ** 20)]));
      // refused, or the end of the server; either will do
      await Promise.race([client.closed, client.hears(29).catch(() => undefined), systemClock.sleep(3000)]);
      clearInterval(look);
      client.socket.destroy();
      assert.ok(peakKib <= 524_288, `${peakKib} KiB`);
      await until(async () => scene.exports().length === 0, "its export is closed");
      assert.equal((await helper.call("statImage", { image: "images/home.luks" })).exported, false);
      await scene.assertNothingLeft();
    });
  }

  it("with a client is ended at once", async (t) => {
    const scene = new HelperScene(t);
    scene.writeImage();
    await using helper = await scene.start();
    const { channel, export: id } = await helper.call("openExport", openRequest());
    const client = await negotiate(join(scene.runtimeDir, channel, "socket/nbd"));
    const began = Date.now();
    await helper.call("closeExport", { export: id });
    await client.closed;
    assert.ok(Date.now() - began < 1500, "it would not hear a polite word for two seconds");
    await scene.assertNothingLeft();
  });

  it("that ends with its client closes its export", async (t) => {
    const scene = new HelperScene(t);
    scene.writeImage();
    await using helper = await scene.start();
    const { channel } = await helper.call("openExport", openRequest());
    (await negotiate(join(scene.runtimeDir, channel, "socket/nbd"))).socket.destroy();
    await until(async () => scene.exports().length === 0, "its export is closed");
    await scene.assertNothingLeft();
  });

  const unfit: [string, string | undefined, RegExp][] = [
    ["is not there", undefined, /nbd-server is not installed/],
    ["is too old", "echo 'This is nbd-server version 3.14'", /nbd-server 3\.14 .* is too old/],
    [
      "crashes at its start",
      `[ "$1" = -V ] && { echo "This is nbd-server version 3.24"; exit 0; }; echo one >&2; echo the last word >&2; exit 1`,
      /nbd-server does not serve the image: .*the last word/,
    ],
    [
      "is killed at its start",
      `[ "$1" = -V ] && { echo "This is nbd-server version 3.24"; exit 0; }; kill -9 $$`,
      /nbd-server does not serve the image/,
    ],
  ];
  for (const [what, script, said] of unfit) {
    it(`that ${what} is said, with nothing left`, async (t) => {
      const scene = new HelperScene(t);
      scene.writeImage();
      const fake = join(scene.path, "fake");
      writeFileSync(fake, script === undefined ? "" : `#!/bin/sh\n${script}\n`, {
        mode: script === undefined ? 0o644 : 0o755,
      });
      const within = withMounts(`mount --bind ${fake} /usr/bin/nbd-server`);
      await using helper = await scene.start({ within });
      const began = Date.now();
      await assert.rejects(helper.call("openExport", openRequest()), { code: "tool_failed", message: said });
      assert.ok(Date.now() - began < deadlineMs);
      await assert.rejects(helper.call("openExport", lookRequest), { code: "tool_failed" });
      await scene.assertNothingLeft();
    });
  }
});
