/** The image by way of SFTP: a mount, a lease beside the image, and a loop device on it. */

import { basename, dirname, join } from "node:path";
import { allOrFirstError } from "../../../common/all-settled.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { Lease } from "../../lease/lease.ts";
import type { RunContext } from "../../runs/context.ts";
import { releaseLoops } from "../../stack/loops.ts";
import type { StackNames } from "../../stack/names.ts";
import type { IoState } from "../../stack/stall-meter.ts";
import { type LoopDevice, loopDevices } from "../../system/block-devices.ts";
import { blockIo } from "../../system/block-io.ts";
import type { Host } from "../../system/host.ts";
import { attachLoop, detachLoop, type LoopSpec } from "../../tools/losetup.ts";
import { type RemoteStat, statRemote } from "../../tools/remote-file.ts";
import type { AttachMode, ConnectRequest, DeviceSize, ImageDevice, RemoteImage, Transport } from "../transport.ts";
import { hostTrouble } from "./host-trouble.ts";
import { missingImage, requireImage } from "./image-file.ts";
import { SshfsImage } from "./sshfs-image.ts";
import { type Mounted, SshfsMount } from "./sshfs-mount.ts";

/** For a lease to be given back over a connection that nobody watches yet. */
const unwatchedPatienceMs = 5000;

/** A host that owes an answer for longer is not asked for what can wait. */
const busyMs = 2000;

/** Of an attachment that is being made or stands. */
interface Reached {
  readonly request: ConnectRequest;
  readonly path: string;
  readonly mounted: Mounted;
  /** At first sight; undefined when there is none. */
  readonly found: RemoteStat | undefined;
  readonly isLeased: boolean;
}

export class SshfsTransport implements Transport {
  readonly #host: Host;
  readonly #names: StackNames;
  readonly #mount: SshfsMount;
  /** Loop devices that were set up here, or found below our image device. */
  readonly #loops = new Set<string>();
  #lost: AbortSignal | undefined;
  #lease: Lease | undefined;
  #isWatched = false;
  #reached: Reached | undefined;

  constructor(host: Host, names: StackNames) {
    this.#host = host;
    this.#names = names;
    this.#mount = new SshfsMount(host, names);
  }

  async connect(request: ConnectRequest, run: RunContext, signal: AbortSignal): Promise<RemoteImage> {
    const { remote, image, first } = request;
    const path = join(this.#names.remoteDir, image);
    const lease = new Lease(this.#host, {
      volume: this.#names.volume,
      imagePath: path,
      leaseMs: remote.leaseMs,
      run: run.runId,
      remote: remote.name,
      port: remote.port,
    });
    this.#lease = lease;
    const prepared = lease.prepare();
    let isLeased = false;
    const onMounted = ({ lost }: Mounted) => {
      this.#lost = lost;
      request.onConnecting(lost);
      return first;
    };
    const { mounted, image: found } = await run.step("connect", async () => {
      const take = async (inTime: AbortSignal) => {
        await prepared;
        isLeased = await lease.tryTake(inTime);
      };
      const [connected] = await allOrFirstError(
        this.#mount.connect(remote, path, request.mode === "write", onMounted, take, signal),
        prepared,
      );
      return connected;
    });
    const waitingMs = request.onConnected();
    this.#isWatched = true;
    const { lost } = mounted;
    const lostToo = AbortSignal.any([signal, lost]);
    if (!isLeased) isLeased = await this.#takeLease(lease, { path, found, mode: request.mode }, run, lostToo);
    lease.keep(
      () => waitingMs() > busyMs,
      (reason) => this.fail(reason),
    );
    this.#reached = { request, path, mounted, found, isLeased };
    return new SshfsImage(this.#host, { remote, path, isThere: found !== undefined, lost });
  }

  /** @returns whether it is ours now. Where nothing can be written, what is there can still be read */
  async #takeLease(
    lease: Lease,
    { path, found, mode }: { path: string; found: RemoteStat | undefined; mode: AttachMode },
    run: RunContext,
    signal: AbortSignal,
  ): Promise<boolean> {
    // a directory that is not there is said better by those who look for the image
    if (found === undefined && (await statRemote(this.#host.exec, dirname(path), signal)) === undefined) return false;
    try {
      await run.step("lease", () => lease.take(run.note, signal));
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (mode === "write" || !(error instanceof LuksmithError) || error.code === "locked") throw error;
      run.warn(`${error.message}: reading without one, and without repairing anything`);
      return false;
    }
  }

  async openDevice({ bytes, sectorBytes }: DeviceSize, _run: RunContext, signal: AbortSignal): Promise<ImageDevice> {
    const reached = this.#reached;
    if (reached === undefined) throw new LuksmithError("internal", "no device without a connection");
    const { request, path, mounted, isLeased } = reached;
    const { remote, mode } = request;
    const { exec } = this.#host;
    const found = request.preparesImage ? await statRemote(exec, path, signal) : reached.found;
    const name = basename(path);
    if (found === undefined) throw await missingImage(exec, this.#names.remoteDir, name, remote.name, signal);
    requireImage(found, { name, remote: remote.name, device: mounted.device, bytes });
    const loop = await this.#loopOn({ file: path, access: isLeased ? mode : "only read", sectorBytes }, signal);
    return { path: loop.path, number: loop.device, readOnly: loop.readOnly, isReserved: isLeased };
  }

  /** @returns a device that was checked to be on this very file and, for writing, unbuffered */
  async #loopOn(spec: LoopSpec, signal: AbortSignal): Promise<LoopDevice> {
    const { file: imagePath, access } = spec;
    const path = await attachLoop(this.#host.exec, spec, signal);
    this.#loops.add(path);
    const loop = (await loopDevices()).find((device) => device.path === path);
    if (loop?.backingFile !== imagePath) {
      throw new LuksmithError("tool_failed", `${path} is not on ${imagePath} but on ${loop?.backingFile ?? "nothing"}`);
    }
    // losetup takes what it gets
    if (access === "write" && loop.readOnly) {
      throw new LuksmithError("tool_failed", `${basename(imagePath)} cannot be written on the backup host`, {
        hint: "it must be writable for the user that luksmith logs in as: ls -l there",
      });
    }
    if (access === "write" && !loop.directIo) {
      throw new LuksmithError("tool_failed", `${path} refused direct I/O`, { hint: "luksmith doctor" });
    }
    return loop;
  }

  async trouble(volume: string, signal: AbortSignal): Promise<LuksmithError | undefined> {
    if (this.#reached === undefined) return undefined;
    const { path, request } = this.#reached;
    return await hostTrouble(this.#host.exec, { imagePath: path, remote: request.remote.name, volume }, signal);
  }

  /** A direct write of the loop device may be done while sshfs still holds it: both show that something comes back. */
  async look(): Promise<IoState | "gone"> {
    const state = await this.#mount.look();
    if (state === "gone") return "gone";
    const ios = (await Promise.all([...this.#loops].map(blockIo))).filter((io) => io !== undefined);
    const completed = ios.reduce((sum, io) => sum + io.completed, 0);
    return {
      pending: state.pending || ios.some((io) => io.inFlight > 0),
      progress: `${state.progress} ${completed}`,
    };
  }

  fail(reason: LuksmithError): Promise<void> {
    return this.#mount.fail(reason);
  }

  break(): Promise<void> {
    return this.#mount.break();
  }

  /** Without a helper there are none. */
  keepCheckpoint(): void {}

  /** A loop device is ours as long as our device lies on it; it goes when that does (LO_FLAGS_AUTOCLEAR). */
  async letDeviceGo(below: readonly string[]): Promise<void> {
    const loops = below.filter((path) => path.startsWith("/dev/loop"));
    for (const loop of loops) this.#loops.add(loop);
    await Promise.all(loops.map((loop) => detachLoop(this.#host.exec, loop).catch(() => undefined)));
  }

  prepareRelease(signal: AbortSignal): void {
    this.#lease?.lookAhead(signal);
  }

  async releaseDevice(): Promise<void> {
    const { directory, volume } = this.#names;
    // when the mount has been detached from the tree, a file on it shows as "/IMAGE"; another path is somebody else's by now
    const detached = ({ path, backingFile }: LoopDevice) => this.#loops.has(path) && /^\/[^/]+$/.test(backingFile);
    const isOurs = (loop: LoopDevice) => loop.backingFile.startsWith(`${directory}/`) || detached(loop);
    await allOrFirstError(releaseLoops(this.#host, volume, isOurs), this.#releaseLease());
  }

  /** On a connection that is lost it stays, and expires; this machine knows it again. */
  async #releaseLease(): Promise<void> {
    const { clock, log } = this.#host;
    const lease = this.#lease;
    if (lease === undefined) return;
    const done = new AbortController();
    // where the connection was cut short nobody else sees to it that this ends
    if (!this.#isWatched) {
      clock.sleep(unwatchedPatienceMs, done.signal).then(
        () => this.break(),
        () => undefined,
      );
    }
    try {
      await lease.stopRenewing();
      if (this.#lost?.aborted) return;
      await lease.release(this.#lost ?? new AbortController().signal);
    } catch (error) {
      log.warn({ err: error, volume: this.#names.volume }, "the lease stays on the backup host until it expires");
    } finally {
      done.abort();
    }
  }

  release(): Promise<void> {
    return this.#mount.release();
  }
}
