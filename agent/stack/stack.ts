/**
 * A volume's stack: its four layers brought up one on another, watched, and taken down again.
 *
 * Connecting to the host and deriving the key do not wait for one another; see image-device.ts.
 */

import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { allOrFirstError, allOrNone } from "../../common/all-settled.ts";
import { LuksmithError } from "../../common/errors.ts";
import { UndoStack } from "../../common/undo.ts";
import type { RemoteConfig } from "../config/remote.ts";
import type { VolumeConfig } from "../config/volume.ts";
import { Lease } from "../lease/lease.ts";
import type { RunContext } from "../runs/context.ts";
import { type DmDevice, devicesBelow, dmDevice, loopDevices, passesFlushesOn } from "../system/block-devices.ts";
import { blockIo } from "../system/block-io.ts";
import type { Host } from "../system/host.ts";
import { openMapping } from "../tools/cryptsetup.ts";
import { dmTables } from "../tools/dmsetup.ts";
import { readSuperblock, type Superblock } from "../tools/ext4.ts";
import { detachLoop } from "../tools/losetup.ts";
import { type RemoteStat, statRemote } from "../tools/remote-file.ts";
import { readKeyFile } from "../volume/key-file.ts";
import type { Pin } from "../volume/pin.ts";
import { Aftermath } from "./aftermath.ts";
import { mountVolume, releaseFilesystem } from "./filesystem.ts";
import { heldVolumes } from "./held.ts";
import {
  type AttachMode,
  connectImage,
  createPlaceholder,
  letPlaceholderGo,
  loopOnImage,
  releaseDms,
  releaseLoops,
  removePlaceholderFile,
} from "./image-device.ts";
import { missingImage, requireImage } from "./image-file.ts";
import { requireTables } from "./mapping.ts";
import { removeMountPoint } from "./mount-point.ts";
import { type StackNames, stackNames } from "./names.ts";
import type { IoState } from "./stall-meter.ts";
import { SshfsTransport, type Transport } from "./transport.ts";
import { Watchdog } from "./watchdog.ts";

/** Sequential reads ask for this much at once: on a link of 50 ms the kernel's 128 KiB would be 2.5 MB/s. */
const readAheadKiB = 4096;

/**
 * A run that was asked to end has so long to write out what it has in memory. Then the transport is broken: what is lost by
 * that the next run copies again.
 */
const cancelledPatienceMs = 3000;

/** For a lease to be given back over a connection that nobody watches yet. */
const unwatchedPatienceMs = 5000;

/** A host that owes an answer for longer is not asked for what can wait. */
const busyMs = 2000;

/** What is needed to bring a volume up. */
export interface Target {
  readonly volume: VolumeConfig;
  readonly remote: RemoteConfig;
  readonly pin: Pin;
  readonly headerFile: string;
}

/** A transport that stands, below nothing yet. */
export interface Connected {
  readonly names: StackNames;
  /** Path of the image on the sshfs mount. */
  readonly imagePath: string;
  readonly transport: Transport;
  /** The image at first sight; undefined when there is none. */
  readonly image: RemoteStat | undefined;
  /** The image is reserved for this machine; otherwise it may only be read. */
  readonly isLeased: boolean;
  /** The run's signal, aborted as well when the connection is lost. */
  readonly signal: AbortSignal;
}

/** The opened mapping, not mounted. */
export interface Opened extends Connected {
  /** "/dev/dm-N" */
  readonly device: string;
  /** The image is reserved for this machine, and the backup host lets it be written. */
  readonly isWritable: boolean;
  /** Of the file system in it, where that was to be expected. */
  readonly superblock: Superblock | undefined;
}

/** Releases in the order of the layers, every one of which asks the system what is there. */
export class Stack implements AsyncDisposable {
  readonly names: StackNames;
  readonly transport: SshfsTransport;
  readonly aftermath: Aftermath;
  readonly #host: Host;
  readonly #undo: UndoStack;
  /** Loop devices that were set up here, or found below our image device. */
  readonly #loops = new Set<string>();
  #lost: AbortSignal | undefined;
  #watchdog: Watchdog | undefined;
  #lease: Lease | undefined;
  /** A mapping may be there that has no table yet, which the system's usual views do not show. */
  #isMappingIncomplete: boolean;
  readonly #released = new AbortController();

  /** @param isLeftover nothing is brought up: what another stack has left is found, and released */
  constructor(host: Host, volume: string, isLeftover = false) {
    this.#isMappingIncomplete = isLeftover;
    this.#host = host;
    this.names = stackNames(host.runtimeDir, volume);
    this.transport = new SshfsTransport(host, this.names);
    this.#undo = new UndoStack();
    const { names } = this;
    this.#undo.add("be out of the run's reach", async () => this.#released.abort());
    for (const directory of [names.directory, names.filesDir, names.remoteDir]) {
      this.#undo.add(`remove ${directory}`, () => removeMountPoint(directory));
    }
    const breakTransport = () => this.transport.break();
    this.aftermath = new Aftermath(host, names, breakTransport);
    this.#undo.add("remove the placeholder", () => removePlaceholderFile(names));
    this.#undo.add("disconnect", () => {
      this.#watchdog?.stop();
      return this.transport.release();
    });
    this.#undo.add("release the loop device and the lease", async () => {
      // nothing lies on the image any more that could write to it
      await allOrFirstError(releaseLoops(host, names, this.#loops), this.#releaseLease());
    });
    this.#undo.add("close the mapping", () => {
      this.#lease?.lookAhead(this.#lost ?? new AbortController().signal);
      return releaseDms(host, names, { isIncomplete: this.#isMappingIncomplete, breakTransport });
    });
    this.#undo.add("unmount the file system", async () => {
      const unmounting = releaseFilesystem(host, names, () => this.#lost?.aborted ?? true, breakTransport);
      // whatever comes of the looking, nothing is held by it
      await allOrFirstError(
        unmounting,
        this.#letLoopsGo(),
        this.aftermath.lookForImage().catch(() => undefined),
      );
    });
  }

  /**
   * A loop device is ours as long as our device lies on it; it goes when that does (LO_FLAGS_AUTOCLEAR). What fails here is
   * tried again, and told, by {@link releaseLoops}.
   */
  async #letLoopsGo(): Promise<void> {
    const image = await dmDevice(this.names.imageDevice);
    const below = image ? await devicesBelow(image).catch(() => []) : [];
    for (const loop of below) this.#loops.add(loop);
    await Promise.all(below.map((loop) => detachLoop(this.#host.exec, loop).catch(() => undefined)));
  }

  /** @returns whether it is ours now. Where nothing can be written, what is there can still be read */
  async #takeLease(
    lease: Lease,
    { imagePath, image, mode }: { imagePath: string; image: RemoteStat | undefined; mode: AttachMode },
    run: RunContext,
    signal: AbortSignal,
  ): Promise<boolean> {
    // a directory that is not there is said better by those who look for the image
    if (image === undefined && (await statRemote(this.#host.exec, dirname(imagePath), signal)) === undefined)
      return false;
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

  /** Until it is released, the run's end and the host's silence can break the transport below all that waits. */
  #watch({ name, stallTimeoutMs }: RemoteConfig, run: RunContext): void {
    const { clock, log } = this.#host;
    const within = { signal: this.#released.signal, once: true };
    const breakIt = () =>
      this.transport
        .break()
        .catch((error: unknown) =>
          log.error({ err: error, volume: this.names.volume }, "could not break the transport"),
        );
    const breakSoon = () => clock.sleep(cancelledPatienceMs, this.#released.signal).then(breakIt, () => undefined);
    run.signal.addEventListener("abort", breakSoon, within);
    run.hurry.addEventListener("abort", breakIt, within);
    // in the moment before
    if (run.signal.aborted) void breakSoon();
    if (run.hurry.aborted) void breakIt();
    this.#watchdog = new Watchdog(clock, log.child({ volume: this.names.volume }), {
      remote: name,
      stallTimeoutMs,
      look: () => this.#look(),
      onBroken: (reason) => this.transport.fail(reason),
    });
  }

  /** A direct write of the loop device may be done while sshfs still holds it: both show that something comes back. */
  async #look(): Promise<IoState | "gone"> {
    const { mapping, imageDevice } = this.names;
    const [transport, dms] = await Promise.all([
      this.transport.look(),
      Promise.all([mapping, imageDevice].map(dmDevice)),
    ]);
    if (transport === "gone") return "gone";
    const paths = [...dms.flatMap((dm) => dm?.path ?? []), ...this.#loops];
    const ios = (await Promise.all(paths.map(blockIo))).filter((io) => io !== undefined);
    const completed = ios.reduce((sum, io) => sum + io.completed, 0);
    return {
      pending: transport.pending || ios.some((io) => io.inFlight > 0),
      progress: `${transport.progress} ${completed}`,
    };
  }

  /** @param first what goes before everything that would only wait for the host's first answer */
  async connect(
    target: Target,
    mode: AttachMode,
    run: RunContext,
    signal: AbortSignal,
    first: Promise<void>,
  ): Promise<Connected> {
    for (const directory of [this.names.remoteDir, this.names.filesDir]) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
    }
    const imagePath = join(this.names.remoteDir, target.volume.image);
    const onMounted = ({ lost }: Transport) => {
      this.#lost = lost;
      this.aftermath.connected(lost);
      return first;
    };
    const { leaseMs, name: remote, port } = target.remote;
    const { volume } = this.names;
    const lease = new Lease(this.#host, { volume, imagePath, leaseMs, run: run.runId, remote, port });
    this.#lease = lease;
    const prepared = lease.prepare();
    let isLeased = false;
    const { transport, image } = await run.step("connect", async () => {
      const take = async (inTime: AbortSignal) => {
        await prepared;
        isLeased = await lease.tryTake(inTime);
      };
      const [connected] = await allOrFirstError(
        this.transport.connect(target.remote, imagePath, onMounted, take, signal),
        prepared,
      );
      return connected;
    });
    this.#watch(target.remote, run);
    const lostToo = AbortSignal.any([signal, transport.lost]);
    if (!isLeased) isLeased = await this.#takeLease(lease, { imagePath, image, mode }, run, lostToo);
    lease.keep(
      () => (this.#watchdog?.waitingMs ?? 0) > busyMs,
      (reason) => this.transport.fail(reason),
    );
    return { names: this.names, imagePath, transport, image, isLeased, signal: lostToo };
  }

  /**
   * Brings up everything but the mount: the connection and the image on it beside the key derivation, then the mapping
   * compared with the pin.
   * @param mode for reading, through the page cache: the kernel then reads ahead in the image, beyond the end of each
   *   small file; for writing past it, so that what is written is not held twice and is on its way at once
   * @param spec.prepareImage makes or changes the image on the connected transport; it is looked at again afterwards
   * @param spec.meanwhile is done beside the connecting; when it fails, so does this
   */
  async open(
    target: Target,
    mode: AttachMode,
    run: RunContext,
    spec: {
      prepareImage?: (connected: Connected) => Promise<void>;
      meanwhile?: (signal: AbortSignal) => Promise<void>;
    } = {},
  ): Promise<Opened> {
    const { prepareImage, meanwhile } = spec;
    const host = this.#host;
    const [key] = await allOrFirstError(readKeyFile(target.volume.keyFile), this.#releaseLeftovers(run));
    const either = new AbortController();
    const signal = AbortSignal.any([run.signal, either.signal]);

    const placeholder = createPlaceholder(host, this.names, target.pin.imageBytes);
    // what everything else waits for longest goes first: starting a program takes a moment of ours
    const derivationBegun = Promise.withResolvers<void>();
    const image = async (): Promise<{ connected: Connected; loop: string }> => {
      const connected = await this.connect(target, mode, run, signal, derivationBegun.promise);
      await prepareImage?.(connected);
      const stat = prepareImage ? await statRemote(host.exec, connected.imagePath, connected.signal) : connected.image;
      await requireImageAt(host, target, connected, stat);
      const access = connected.isLeased ? mode : "only read";
      const loop = await loopOnImage(host, connected.imagePath, access, connected.signal);
      this.#loops.add(loop);
      await placeholder;
      await connectImage(host, this.names, loop, target.pin.imageBytes, connected.signal);
      return { connected, loop };
    };
    const mapping = async (): Promise<DmDevice> => {
      const { device: imageDevice } = await placeholder;
      const luks = {
        headerFile: target.headerFile,
        device: imageDevice.path,
        name: this.names.mapping,
        key,
        discards: false,
      };
      this.#isMappingIncomplete = true;
      const unlocking = run.step("unlock", () => openMapping(host.exec, luks, signal));
      // or will have: children are started in the order in which they are asked for
      derivationBegun.resolve();
      await unlocking;
      this.#isMappingIncomplete = false;
      return imageDevice;
    };
    const beside = async (): Promise<void> => {
      const created = await placeholder;
      const lettingGo = letPlaceholderGo(host, this.names, created).catch((error: unknown) =>
        // tried again, and told, by the releases
        host.log.warn({ err: error, volume: this.names.volume }, "could not let the placeholder go"),
      );
      await allOrFirstError(meanwhile?.(signal) ?? Promise.resolve(), lettingGo);
    };
    const [reached, unlocked] = await allOrNone(
      either,
      image(),
      mapping().finally(() => {
        derivationBegun.resolve();
        key.fill(0);
      }),
      beside(),
    );

    const { connected, loop } = reached;
    const opened = await dmDevice(this.names.mapping);
    const device = opened?.path ?? "";
    const [superblock, tables, loops] = await allOrFirstError(
      // only looked at, and by a program: nothing is mounted before the tables have been compared
      prepareImage ? Promise.resolve(undefined) : readSuperblock(host.exec, device, connected.signal),
      dmTables(host.exec, connected.signal),
      loopDevices(),
    );
    const loopDevice = loops.find(({ path }) => path === loop);
    requireTables(tables, target.pin, {
      mapping: this.names.mapping,
      imageDevice: this.names.imageDevice,
      imageDeviceNumber: unlocked.device,
      loopNumber: loopDevice?.device ?? "none",
    });
    const isReadOnly = loopDevice?.readOnly !== false;
    // nothing is written to what can only be read
    if (!isReadOnly) await requireFlushes([unlocked.path, device]);
    await setReadAhead(device);
    if (mode === "write") {
      this.aftermath.writes({ imagePath: connected.imagePath, remote: target.remote.name, volume: this.names.volume });
    }
    return { ...connected, device, isWritable: connected.isLeased && !isReadOnly, superblock };
  }

  /** Of a run whose releases failed, say for want of processes or files. */
  async #releaseLeftovers(run: RunContext): Promise<void> {
    if (!(await heldVolumes(this.#host.runtimeDir)).includes(this.names.volume)) return;
    run.note("releasing what an earlier run left attached");
    await new Stack(this.#host, this.names.volume, true).release();
  }

  async mount(target: Target, opened: Opened, mode: AttachMode, run: RunContext): Promise<void> {
    const { device, superblock, signal, isWritable } = opened;
    const spec = { device, superblock, names: this.names, pin: target.pin, mode, mayRepair: isWritable };
    await run.step("mount", () => mountVolume(this.#host, spec, run, signal));
  }

  /** On a connection that is lost it stays, and expires; this machine knows it again. */
  async #releaseLease(): Promise<void> {
    const { clock, log } = this.#host;
    const lease = this.#lease;
    if (lease === undefined) return;
    const done = new AbortController();
    // where the connection was cut short nobody else sees to it that this ends
    if (this.#watchdog === undefined) {
      clock.sleep(unwatchedPatienceMs, done.signal).then(
        () => this.transport.break(),
        () => undefined,
      );
    }
    try {
      await lease.stopRenewing();
      if (this.#lost?.aborted) return;
      await lease.release(this.#lost ?? new AbortController().signal);
    } catch (error) {
      const volume = this.names.volume;
      log.warn({ err: error, volume }, "the lease stays on the backup host until it expires");
    } finally {
      done.abort();
    }
  }

  /** @throws {ReleaseError} naming everything that is left */
  release(): Promise<void> {
    return this.#undo.unwind();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}

async function requireImageAt(host: Host, target: Target, connected: Connected, stat: RemoteStat | undefined) {
  const { exec } = host;
  const name = basename(connected.imagePath);
  if (stat === undefined) {
    throw await missingImage(exec, connected.names.remoteDir, name, target.remote.name, connected.signal);
  }
  requireImage(stat, {
    name,
    remote: target.remote.name,
    device: connected.transport.device,
    bytes: target.pin.imageBytes,
  });
}

/** Without them a sync would say that all is on the backup host's disk, while it is not. */
async function requireFlushes(devices: readonly string[]): Promise<void> {
  for (const device of devices) {
    if (await passesFlushesOn(device)) continue;
    throw new LuksmithError("tool_failed", `${device} passes no flushes on: a sync would not reach the backup host`, {
      hint: `nothing was mounted; see /sys/block/${basename(device)}/queue/write_cache`,
    });
  }
}

async function setReadAhead(device: string): Promise<void> {
  await writeFile(`/sys/block/${basename(device)}/queue/read_ahead_kb`, `${readAheadKiB}`);
}
