/**
 * What it costs to have an nbd-server: from its start to its first word. It makes Diffie-Hellman parameters of 2048 bits for an
 * encryption that nobody asks for, a search for primes, which takes now a little and now ten times as long.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderNbdConfig } from "../../../helper/export/nbd-config.ts";
import { until } from "./until.ts";

const samples = 8;

/** Milliseconds on the average. */
export async function nbdServerStartMs(): Promise<number> {
  let sum = 0;
  for (let sample = 0; sample < samples; sample += 1) sum += await firstWordMs();
  return sum / samples;
}

async function firstWordMs(): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), "nbd-start-"));
  const unixSocket = join(directory, "s");
  const config = join(directory, "nbd.conf");
  await writeFile(config, renderNbdConfig({ listen: { unixSocket }, name: "image", fd: 0, readOnly: true }));
  await writeFile(join(directory, "image"), Buffer.alloc(2 ** 20));
  await using image = await open(join(directory, "image"));
  const began = performance.now();
  const server = spawn("nbd-server", ["-C", config, "-d"], { cwd: directory, stdio: [image.fd, "ignore", "ignore"] });
  try {
    let ms = 0;
    await until(async () => {
      const socket = connect(unixSocket);
      const closed = once(socket, "close").then(() => Promise.reject(new Error("it has hung up")));
      closed.catch(() => undefined);
      try {
        await once(socket, "connect");
        await Promise.race([once(socket, "data"), closed]);
        ms = performance.now() - began;
        return true;
      } catch {
        return false; // it does not listen yet
      } finally {
        socket.destroy();
      }
    }, "nbd-server answers");
    return ms;
  } finally {
    server.kill("SIGKILL");
    if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
    await rm(directory, { recursive: true });
  }
}
