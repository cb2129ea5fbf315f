/**
 * The network block device of a volume: made by nbd-client on a Unix socket of ours, whose other end is the standard input and output
 * of a relay: ssh for the tunnel, socat for TCP. Killing the relay breaks it, whatever hangs.
 *
 * The kernel knows a device by the process number of the nbd-client that made it. That is written down before nbd-client can come to
 * the end of its handshake, so that a device is known to be ours by whoever comes after a `kill -9`.
 */

import { rm, writeFile } from "node:fs/promises";
import { LuksmithError } from "../../../common/errors.ts";
import { type Child, lastWords } from "../../../common/exec.ts";
import { readIfThere } from "../../../common/if-there.ts";
import { waitUntil } from "../../../common/wait-until.ts";
import type { StackNames } from "../../stack/names.ts";
import type { IoState } from "../../stack/stall-meter.ts";
import { blockIo } from "../../system/block-io.ts";
import type { Host } from "../../system/host.ts";
import { type NbdDevice, nbdDevices } from "../../system/nbd-devices.ts";
import { OneConnection } from "../../system/one-connection.ts";
import { isInFirstPidNamespace } from "../../system/pid-namespace.ts";
import { connectNbd, disconnectNbd } from "../../tools/nbd-client.ts";

const goneDeadlineMs = 10_000;
const idle: IoState = { pending: false, progress: "" };

export class VolumeNbdDevice {
  readonly #host: Host;
  readonly #names: StackNames;
  #socket: OneConnection | undefined;
  #relay: Child | undefined;
  /** Of the nbd-client. */
  #pid: number | undefined;
  #path: string | undefined;
  /** Found below our image device: ours, whatever became of what was written down. */
  #below: string | undefined;
  #isReleasing = false;

  constructor(host: Host, names: StackNames) {
    this.#host = host;
    this.#names = names;
  }

  /**
   * The release must be registered before.
   * @param spec.exportName what the server is asked for
   * @param startRelay starts what carries the bytes, with the descriptor as its standard input and output
   * @param onRelayEnd called with its last words
   */
  async connect(
    { exportName, sectorBytes }: { exportName: string; sectorBytes: number },
    startRelay: (connection: number) => Child,
    onRelayEnd: (said: string) => void,
    signal: AbortSignal,
  ): Promise<NbdDevice> {
    const { nbdSocket, nbdPidFile } = this.#names;
    const socket = await OneConnection.listen(nbdSocket);
    this.#socket = socket;
    const relayed = new AbortController();
    const either = AbortSignal.any([signal, relayed.signal]);
    const onStart = ({ pid }: { pid: number }) => {
      this.#pid = pid;
    };
    const connecting = connectNbd(
      this.#host.exec,
      { socket: nbdSocket, name: exportName, sectorBytes, onStart },
      either,
    );
    connecting.catch((error: unknown) => relayed.abort(error));
    const relay = await socket.hand(either, async (connection) => {
      // before it hears a word of the server, without which it does not get as far as the kernel
      await writeFile(nbdPidFile, `${this.#pid}\n`, { mode: 0o600 });
      return startRelay(connection);
    });
    this.#relay = relay;
    const ended = (said: string) => {
      relayed.abort(new LuksmithError("lost", "what carries the image's bytes has ended", { cause: said }));
      // which it is to do when the device is released
      if (!this.#isReleasing) onRelayEnd(said);
    };
    relay.finished.then(
      (finished) => ended(lastWords(finished)),
      (error: unknown) => ended(String(error)),
    );
    this.#path = await connecting;
    const device = await this.#device();
    if (device?.path !== this.#path) {
      throw new LuksmithError("tool_failed", `${this.#path} is not the device that nbd-client made`);
    }
    return device;
  }

  /** What the kernel has of ours. An nbd-client that still runs with this number is somebody else's: ours has ended. */
  async #device(): Promise<NbdDevice | undefined> {
    const pid = this.#pid ?? (await this.#writtenPid());
    return (await nbdDevices()).find(
      (device) => device.path === this.#below || (pid !== undefined && device.pid === pid),
    );
  }

  async #writtenPid(): Promise<number | undefined> {
    const pid = Number.parseInt((await readIfThere(this.#names.nbdPidFile)) ?? "", 10);
    // in another namespace it may be the number of somebody else's
    return pid > 0 && (await isInFirstPidNamespace()) ? pid : undefined;
  }

  isBelow(paths: readonly string[]): void {
    this.#below ??= paths.find((path) => path.startsWith("/dev/nbd"));
  }

  async look(): Promise<IoState | "gone"> {
    const path = this.#path;
    if (path === undefined) return idle;
    // gone it is to be when it is released
    if ((await this.#device()) === undefined) return this.#isReleasing ? idle : "gone";
    const io = await blockIo(path);
    return { pending: (io?.inFlight ?? 0) > 0, progress: `${io?.completed}` };
  }

  /** Everything that waits on it fails now. */
  async break(): Promise<void> {
    await this.#relay?.stop();
    const device = await this.#device();
    if (device !== undefined) await disconnectNbd(this.#host.exec, device.path);
  }

  /** What was written is on the host by now: nothing lies on it any more. */
  async release(): Promise<void> {
    this.#isReleasing = true;
    const { clock, exec } = this.#host;
    const device = await this.#device();
    if (device !== undefined) await disconnectNbd(exec, device.path);
    await this.#relay?.stop();
    if (!(await waitUntil(clock, goneDeadlineMs, async () => (await this.#device()) === undefined))) {
      throw new LuksmithError("tool_failed", `${device?.path} is still connected`, {
        hint: `nbd-client -d ${device?.path}`,
      });
    }
    await this.#socket?.close();
    for (const path of [this.#names.nbdPidFile, this.#names.nbdSocket]) await rm(path, { force: true });
    this.#pid = undefined;
    this.#path = undefined;
    this.#below = undefined;
  }
}
