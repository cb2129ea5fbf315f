/** An nbd-server that serves one open image to one client, as the machine's user; it dies with us and with its client. */

import { type FileHandle, readFile } from "node:fs/promises";
import type { Clock } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import type { Child, Start } from "../../common/exec.ts";
import { waitUntil } from "../../common/wait-until.ts";
import { lockedExit, underLock } from "../storage/image-lock.ts";
import type { Owner } from "../storage/machine-directory.ts";
import { listenerOnPort, listensOnSocket } from "./listening.ts";
import type { Listen } from "./nbd-config.ts";

const startDeadlineMs = 20_000;
const lastLines = 5;

export interface NbdServerSpec {
  readonly image: FileHandle;
  readonly configFile: string;
  readonly listen: Listen;
  readonly owner: Owner;
}

export class NbdServer implements AsyncDisposable {
  readonly #child: Child;
  /** Resolves when it has ended, with its last words. */
  readonly ended: Promise<string>;

  private constructor(child: Child, ended: Promise<string>) {
    this.#child = child;
    this.ended = ended;
  }

  /**
   * Resolves when it listens. While it lives it has a lock on the image (flock(2)), which goes with it.
   * @throws {LuksmithError} "locked" when another session has the image, "tool_failed" with its last words
   */
  static async start(start: Start, clock: Clock, spec: NbdServerSpec): Promise<NbdServer> {
    const child = start({
      file: "flock",
      // it does not fork, and ends by itself after its client
      args: underLock("nbd-server", "-d", "-C", spec.configFile),
      as: spec.owner,
      fds: [spec.image.fd],
      silent: true,
    });
    let over: LuksmithError | undefined;
    const ended = child.finished.then(
      ({ exitCode, stderr }) => {
        over = exitCode === lockedExit ? locked() : crashed(stderr);
        return stderr;
      },
      (error: unknown) => {
        over = error instanceof LuksmithError ? error : crashed(String(error));
        return String(error);
      },
    );
    const server = new NbdServer(child, ended);
    try {
      const isUp = await waitUntil(clock, startDeadlineMs, async () => {
        if (over !== undefined) throw over;
        return listens(spec);
      });
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

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

async function listens({ listen, owner }: NbdServerSpec): Promise<boolean> {
  if ("unixSocket" in listen) return listensOnSocket(await readFile("/proc/net/unix", "utf8"), listen.unixSocket);
  const table = listen.address.includes(":") ? "/proc/net/tcp6" : "/proc/net/tcp";
  return listenerOnPort(await readFile(table, "utf8"), listen.address, listen.port) === owner.uid;
}

function locked(): LuksmithError {
  return new LuksmithError("locked", "another session has the image", {
    hint: "wait until it is done there; what a machine that has vanished had is free again within a minute",
  });
}

function crashed(said: string): LuksmithError {
  const words = said.trim().split("\n").slice(-lastLines).join("; ");
  return new LuksmithError("tool_failed", `nbd-server does not serve the image: ${words || "it said nothing"}`, {
    hint: "on the backup host: nbd-server -V (3.15 or newer), and luksmith-helper's log",
  });
}
