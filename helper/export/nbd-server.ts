/** An nbd-server that serves one open image to one client, as the machine's user; it dies with us and with its client. */

import { type FileHandle, readFile } from "node:fs/promises";
import type { Clock } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import type { Child, Start } from "../../common/exec.ts";
import { waitUntil } from "../../common/wait-until.ts";
import type { Owner } from "../storage/machine-directory.ts";
import { listenerOnPort, listensOnSocket } from "./listening.ts";
import type { Listen } from "./nbd-config.ts";

const startDeadlineMs = 20_000;
const lastLines = 5;

/**
 * What it may take (prlimit(1), setrlimit(2)). It allocates whatever its client says that a request has, up to 4 GiB, and as many as
 * come: Linux's client has 128 of up to 1 MiB under way, and glibc sets aside 64 MiB for each of two arenas.
 */
const limits = ["--as=536870912", "--nofile=64", "--nproc=512", "--core=0"] as const;
const fewArenas = { MALLOC_ARENA_MAX: "2" } as const;

export interface NbdServerSpec {
  /** Its image first, and what else it is to hold open for as long as it lives: locks that go with it. */
  readonly files: readonly [FileHandle, ...FileHandle[]];
  readonly configFile: string;
  readonly listen: Listen;
  readonly owner: Owner;
}

export class NbdServer {
  readonly #child: Child;
  /** Resolves when it has ended, with its last words. */
  readonly ended: Promise<string>;

  private constructor(child: Child, ended: Promise<string>) {
    this.#child = child;
    this.ended = ended;
  }

  /** Resolves when it listens. @throws {LuksmithError} "tool_failed" with its last words; the signal's reason */
  static async start(start: Start, clock: Clock, spec: NbdServerSpec, signal: AbortSignal): Promise<NbdServer> {
    signal.throwIfAborted();
    const child = start({
      file: "prlimit",
      // it does not fork, and ends by itself after its client
      args: [...limits, "nbd-server", "-d", "-C", spec.configFile],
      as: spec.owner,
      env: fewArenas,
      fds: spec.files.map(({ fd }) => fd),
      silent: true,
      // it does not hear SIGTERM while it has a client, and has nothing to tidy up: what it has written is with the kernel
      endsUntidily: true,
    });
    let over: LuksmithError | undefined;
    const ended = child.finished.then(
      ({ stderr }) => {
        over = crashed(stderr);
        return stderr;
      },
      (error: unknown) => {
        over = error instanceof LuksmithError ? error : crashed(String(error));
        return String(error);
      },
    );
    const server = new NbdServer(child, ended);
    try {
      const isUp = await waitUntil(
        clock,
        startDeadlineMs,
        async () => {
          if (over !== undefined) throw over;
          return listens(spec);
        },
        signal,
      );
      if (!isUp) throw crashed("it does not listen");
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }
}

async function listens({ listen, owner }: NbdServerSpec): Promise<boolean> {
  if ("unixSocket" in listen) return listensOnSocket(await readFile("/proc/net/unix", "utf8"), listen.unixSocket);
  const table = listen.address.includes(":") ? "/proc/net/tcp6" : "/proc/net/tcp";
  return listenerOnPort(await readFile(table, "utf8"), listen.address, listen.port) === owner.uid;
}

function crashed(said: string): LuksmithError {
  const words = said.trim().split("\n").slice(-lastLines).join("; ");
  return new LuksmithError("tool_failed", `nbd-server does not serve the image: ${words || "it said nothing"}`, {
    hint: "on the backup host: nbd-server -V (3.15 or newer), and luksmith-helper's log",
  });
}
