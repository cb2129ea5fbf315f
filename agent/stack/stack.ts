/**
 * A volume's stack: its four layers brought up one on another, watched, and taken down again.
 *
 * Connecting to the host and deriving the key do not wait for one another; see image-device.ts.
 */

import { mkdir, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { allOrFirstError, allOrNone } from "../../common/all-settled.ts";
import { LuksmithError } from "../../common/errors.ts";
import { UndoStack } from "../../common/undo.ts";
import { formatDuration } from "../../common/units.ts";
import type { RemoteConfig } from "../config/remote.ts";
import type { VolumeConfig } from "../config/volume.ts";
import { filesystemKinds } from "../filesystem/kind.ts";
import { NoHelperError } from "../helper-session/no-helper.ts";
import type { RunContext } from "../runs/context.ts";
import { type DmDevice, devicesBelow, dmDevice, passesFlushesOn } from "../system/block-devices.ts";
import { blockIo } from "../system/block-io.ts";
import type { Host } from "../system/host.ts";
import { killThoseWith } from "../system/strays.ts";
import { openMapping } from "../tools/cryptsetup.ts";
import { dmTables, removeDm } from "../tools/dmsetup.ts";
import type { Superblock } from "../tools/filesystem.ts";
import { HelperMemory } from "../transport/helper-memory.ts";
import { NbdTransport } from "../transport/nbd/nbd-transport.ts";
import { NbdUnusableError } from "../transport/nbd/unusable.ts";
import { SshfsTransport } from "../transport/sshfs/sshfs-transport.ts";
import type { AttachMode, ConnectRequest, ImageDevice, RemoteImage, Transport } from "../transport/transport.ts";
import { readKey } from "../volume/key-source.ts";
import { movedBlocksFile, type Pin } from "../volume/pin.ts";
import { Aftermath } from "./aftermath.ts";
import { letGoElsewhere, mountVolume, releaseFilesystem } from "./filesystem.ts";
import { heldVolumes } from "./held.ts";
import {
  connectImage,
  createImageDevice,
  createPlaceholder,
  letPlaceholderGo,
  releaseDms,
  removePlaceholderFile,
} from "./image-device.ts";
import { requireTables } from "./mapping.ts";
import { removeMountPoint } from "./mount-point.ts";
import { mergeMoved } from "./moved-blocks.ts";
import { type StackNames, stackNames } from "./names.ts";
import type { IoState } from "./stall-meter.ts";
import { Watchdog } from "./watchdog.ts";

/** Sequential reads ask for this much at once: on a link of 50 ms the kernel's 128 KiB would be 2.5 MB/s. */
const readAheadKiB = 4096;

/**
 * A run that was asked to end has so long to write out what it has in memory. Then the transport is broken: what is lost by
 * that the next run copies again.
 */
const cancelledPatienceMs = 3000;

/** What any image can be read by. */
const leastSectorBytes = 512;

/** What is needed to bring a volume up. */
export interface Target {
  readonly volume: VolumeConfig;
  readonly remote: RemoteConfig;
  readonly pin: Pin;
  readonly headerFile: string;
}

type ConnectOptions = Pick<ConnectRequest, "mode" | "preparesImage" | "discardsBelow" | "triesStorage" | "first">;

/** A transport that stands, below nothing yet. */
export interface Connected {
  readonly names: StackNames;
  readonly image: RemoteImage;
  /** Aborted with a LuksmithError "lost" or "stalled" when the connection is gone. */
  readonly lost: AbortSignal;
  /** The run's signal, aborted as well when the connection is lost. */
  readonly signal: AbortSignal;
}

/** How else than usual a volume is brought up. */
export interface OpenOptions {
  /** This one and no other, whatever the configuration says. */
  needs?: "nbd" | undefined;
  /** What is discarded above is to reach the image: the host sees what is in use, and what is not. */
  discards?: boolean;
  /** Asked when the host has answered: what it throws ends the attachment before anything is opened. */
  requires?: (connected: Connected) => void;
  prepareImage?: (connected: Connected) => Promise<void>;
  /** Opens the volume instead of the key that the configuration names. */
  key?: Uint8Array | undefined;
  meanwhile?: (signal: AbortSignal) => Promise<void>;
}

/** The opened mapping, not mounted. */
export interface Opened extends Connected {
  /** "/dev/dm-N", the mapping. */
  readonly device: string;
  /** "/dev/dm-N" of the device below it, which is the image byte for byte. */
  readonly imageDevice: string;
  /** The block device that the transport has made of the image. */
  readonly transportDevice: string;
  /** The image is reserved for this machine, and the backup host lets it be written. */
  readonly isWritable: boolean;
  /** Of the file system in it, where that was to be expected. */
  readonly superblock: Superblock | undefined;
}

/** The image, that nothing is opened on: for a program that has to have it for itself. */
export type Locked = Connected & Pick<Opened, "imageDevice" | "transportDevice">;

/** Releases in the order of the layers, every one of which asks the system what is there. */
export class Stack implements AsyncDisposable {
  readonly names: StackNames;
  readonly #sshfs: Transport;
  readonly #nbd: Transport;
  /** The one that the volume was reached by. */
  #transport: Transport | undefined;
  readonly aftermath: Aftermath;
  readonly #host: Host;
  readonly #undo: UndoStack;
  #lost: AbortSignal | undefined;
  #watchdog: Watchdog | undefined;
  /** A mapping may be there that has no table yet, which the system's usual views do not show. */
  #isMappingIncomplete: boolean;
  readonly #released = new AbortController();

  /** @param isLeftover nothing is brought up: what another stack has left is found, and released */
  constructor(host: Host, volume: string, isLeftover = false) {
    this.#isMappingIncomplete = isLeftover;
    this.#host = host;
    this.names = stackNames(host.runtimeDir, volume);
    this.#sshfs = new SshfsTransport(host, this.names);
    this.#nbd = new NbdTransport(host, this.names);
    this.#undo = new UndoStack();
    const { names } = this;
    this.#undo.add("be out of the run's reach", async () => this.#released.abort());
    for (const directory of [names.directory, names.filesDir, names.remoteDir]) {
      this.#undo.add(`remove ${directory}`, () => removeMountPoint(directory));
    }
    const breakTransport = () => this.#break();
    this.aftermath = new Aftermath(host, names, breakTransport);
    this.#undo.add("remove the placeholder", () => removePlaceholderFile(names));
    this.#undo.add("disconnect", async () => {
      this.#watchdog?.stop();
      // an earlier agent's may have something to send that must not arrive any more
      if (isLeftover) await killThoseWith(names.sshConfigFile, `-F${names.sshConfigFile}`);
      await this.#eachTransport((transport) => transport.release());
    });
    // nothing lies on the image any more that could write to it
    this.#undo.add("release the image", () => this.#eachTransport((transport) => transport.releaseDevice()));
    this.#undo.add("close the mapping", () => {
      this.#transport?.prepareRelease(this.#lost ?? new AbortController().signal);
      return releaseDms(host, names, { isIncomplete: this.#isMappingIncomplete, breakTransport });
    });
    this.#undo.add("unmount the file system", async () => {
      const isLost = () => this.#lost?.aborted ?? true;
      const unmounting = releaseFilesystem(host, names, isLost, breakTransport).then(() =>
        letGoElsewhere(host, names, isLost),
      );
      // whatever comes of the looking, nothing is held by it
      await allOrFirstError(
        unmounting,
        this.#letDeviceGo(),
        this.aftermath.lookForImage().catch(() => undefined),
      );
    });
  }

  /** Of each something may be there: an agent that was killed has not said which it had chosen. */
  async #eachTransport(work: (transport: Transport) => Promise<void>): Promise<void> {
    await allOrFirstError(work(this.#sshfs), work(this.#nbd));
  }

  #break(): Promise<void> {
    return this.#eachTransport((transport) => transport.break());
  }

  async #letDeviceGo(): Promise<void> {
    const image = await dmDevice(this.names.imageDevice);
    const below = image ? await devicesBelow(image).catch(() => []) : [];
    await this.#eachTransport((transport) => transport.letDeviceGo(below));
  }

  /** Until it is released, the run's end and the host's silence can break the transport below all that waits. */
  #watch(transport: Transport, { name, stallTimeoutMs }: RemoteConfig, run: RunContext): void {
    const { clock, log } = this.#host;
    const within = { signal: this.#released.signal, once: true };
    const breakIt = () =>
      this.#break().catch((error: unknown) =>
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
      look: () => this.#look(transport),
      onBroken: (reason) => transport.fail(reason),
    });
  }

  async #look(transport: Transport): Promise<IoState | "gone"> {
    const { mapping, header, imageDevice } = this.names;
    const [state, dms] = await Promise.all([
      transport.look(),
      Promise.all([mapping, header, imageDevice].map(dmDevice)),
    ]);
    if (state === "gone") return "gone";
    const ios = (await Promise.all(dms.map((dm) => dm && blockIo(dm.path)))).filter((io) => io !== undefined);
    const completed = ios.reduce((sum, io) => sum + io.completed, 0);
    return {
      pending: state.pending || ios.some((io) => io.inFlight > 0),
      progress: `${state.progress} ${completed}`,
    };
  }

  /** Over NBD or SFTP, as the configuration says; where it says "auto", by the better one that there is. */
  async #reach(
    target: Pick<Target, "volume" | "remote">,
    needs: "nbd" | undefined,
    options: ConnectOptions,
    run: RunContext,
    signal: AbortSignal,
  ): Promise<{ connected: Connected; transport: Transport }> {
    const { clock, stateDir, log } = this.#host;
    const { name, transport: wanted } = target.remote;
    const memory = new HelperMemory(stateDir, name);
    const missingSince = wanted === "auto" && needs === undefined ? await memory.missingSince(clock.now()) : undefined;
    const connect = async (transport: Transport) => ({
      connected: await this.#connect(transport, target, options, run, signal),
      transport,
    });
    if (needs === undefined && (wanted === "sshfs" || missingSince !== undefined)) {
      if (missingSince !== undefined) {
        const agoMs = clock.now().getTime() - missingSince.getTime();
        run.note(`no luksmith-helper answered on ${name} ${formatDuration(agoMs)} ago: going by sshfs`);
      }
      return await connect(this.#sshfs);
    }
    try {
      const reached = await connect(this.#nbd);
      await memory.oneAnswered();
      return reached;
    } catch (error) {
      const isMissing = error instanceof NoHelperError;
      if (!isMissing && !(error instanceof NbdUnusableError)) throw error;
      // a disk that cannot be written to here is no reason to have no backup
      if (isMissing)
        await memory.noneAnswered(clock.now()).catch((err: unknown) => log.warn({ err }, "not remembered"));
      if (needs !== undefined && isMissing) throw new NoHelperError(target.remote, error.reason, true);
      if (wanted === "nbd" || needs !== undefined) throw error;
      await this.#nbd.releaseDevice();
      await this.#nbd.release();
      run.note(`${error.message}: going by sshfs`);
      return await connect(this.#sshfs);
    }
  }

  async #connect(
    transport: Transport,
    target: Pick<Target, "volume" | "remote">,
    options: ConnectOptions,
    run: RunContext,
    signal: AbortSignal,
  ): Promise<Connected> {
    for (const directory of [this.names.remoteDir, this.names.filesDir]) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
    }
    this.#transport = transport;
    let lost = new AbortController().signal;
    const request = {
      ...options,
      remote: target.remote,
      image: target.volume.image,
      onConnecting: (losing: AbortSignal) => {
        lost = losing;
        this.#lost = losing;
        this.aftermath.connected(losing);
      },
      onConnected: () => {
        this.#watch(transport, target.remote, run);
        return () => this.#watchdog?.waitingMs ?? 0;
      },
    };
    const image = await transport.connect(request, run, signal);
    return { names: this.names, image, lost, signal: AbortSignal.any([signal, lost]) };
  }

  /** The image as a block device, with nothing opened on it: one of which nothing is known yet. To be read. */
  async openImage(
    target: Pick<Target, "volume" | "remote">,
    run: RunContext,
  ): Promise<Connected & { readonly imageDevice: string; readonly bytes: number }> {
    await this.#releaseLeftovers(run);
    const first = Promise.resolve();
    const options = { mode: "read", preparesImage: true, discardsBelow: 0, triesStorage: false, first } as const;
    const { connected, transport } = await this.#reach(target, undefined, options, run, run.signal);
    const found = await connected.image.stat(connected.signal);
    // one that is not there is told of by whoever looks for it
    const bytes = found?.bytes ?? 0;
    const below = await transport.openDevice({ bytes, sectorBytes: leastSectorBytes }, run, connected.signal);
    return { ...connected, imageDevice: below.path, bytes };
  }

  /**
   * Brings up everything but the mount: the connection and the image on it beside the key derivation, then the mapping
   * compared with the pin.
   * @param mode for reading, through the page cache: the kernel then reads ahead in the image, beyond the end of each
   *   small file; for writing past it, so that what is written is not held twice and is on its way at once
   * @param spec.prepareImage makes or changes the image on the connected transport; it is looked at again afterwards
   * @param spec.meanwhile is done beside the connecting; when it fails, so does this
   */
  async open(target: Target, mode: AttachMode, run: RunContext, spec: OpenOptions = {}): Promise<Opened> {
    const { prepareImage, meanwhile, discards = false } = spec;
    const host = this.#host;
    requireOneVolumeKey(target);
    const [key] = await allOrFirstError(
      spec.key === undefined
        ? readKey(host.exec, target.volume.key, run.signal)
        : Promise.resolve(Buffer.from(spec.key)),
      this.#releaseLeftovers(run),
    );
    const either = new AbortController();
    const signal = AbortSignal.any([run.signal, either.signal]);

    const size = { bytes: target.pin.imageBytes, sectorBytes: target.pin.sectorBytes };
    const placeholder = createPlaceholder(host, this.names, size);
    // what everything else waits for longest goes first: starting a program takes a moment of ours
    const derivationBegun = Promise.withResolvers<void>();
    const image = async (): Promise<{ connected: Connected; below: ImageDevice }> => {
      const options = {
        mode,
        // what may be refused is not begun: neither a lease nor an image that is changed for it
        preparesImage: prepareImage !== undefined || spec.requires !== undefined,
        discardsBelow: discards ? target.pin.imageBytes : 0,
        triesStorage: spec.needs === "nbd",
        first: derivationBegun.promise,
      };
      const { connected, transport } = await this.#reach(target, spec.needs, options, run, signal);
      spec.requires?.(connected);
      await prepareImage?.(connected);
      const below = await transport.openDevice(size, run, connected.signal);
      await placeholder;
      await connectImage(host, this.names, below.path, target.pin.imageBytes, connected.signal);
      return { connected, below };
    };
    const mapping = async (): Promise<DmDevice> => {
      const { device: imageDevice } = await placeholder;
      const luks = {
        headerFile: target.headerFile,
        device: imageDevice.path,
        name: this.names.mapping,
        key,
        discards,
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

    const { connected, below } = reached;
    const opened = await dmDevice(this.names.mapping);
    const device = opened?.path ?? "";
    const isHalfMoved = target.pin.pending === "merge";
    const [first, tables] = await allOrFirstError(
      // only looked at, and by a program: nothing is mounted before the tables have been compared
      prepareImage || isHalfMoved
        ? Promise.resolve(undefined)
        : filesystemKinds[target.pin.filesystem].readSuperblock(host.exec, device, connected.signal),
      dmTables(host.exec, connected.signal),
    );
    requireTables(tables, target.pin, {
      mapping: this.names.mapping,
      imageDevice: this.names.imageDevice,
      imageDeviceNumber: unlocked.device,
      transportNumber: below.number,
    });
    // nothing is written to what can only be read
    if (!below.readOnly) await requireFlushes([unlocked.path, device]);
    await setReadAhead(device);
    const { image: remoteImage } = connected;
    if (this.#transport) this.aftermath.attached({ image: remoteImage, transport: this.#transport }, mode === "write");
    const isWritable = below.isReserved && !below.readOnly;
    if (isHalfMoved) await this.#endMoving(target, { device, isWritable }, run, connected.signal);
    const superblock = isHalfMoved
      ? await filesystemKinds[target.pin.filesystem].readSuperblock(host.exec, device, connected.signal)
      : first;
    const transportDevice = below.path;
    return { ...connected, device, imageDevice: unlocked.path, transportDevice, isWritable, superblock };
  }

  /** Brings up the image for writing, and nothing above it. */
  async openLocked(target: Target, run: RunContext): Promise<Locked> {
    const { pin } = target;
    await this.#releaseLeftovers(run);
    const first = Promise.resolve();
    const options = { mode: "write", preparesImage: false, discardsBelow: 0, triesStorage: false, first } as const;
    const { connected, transport } = await this.#reach(target, undefined, options, run, run.signal);
    const size = { bytes: pin.imageBytes, sectorBytes: pin.sectorBytes };
    const below = await transport.openDevice(size, run, connected.signal);
    const { path } = await createImageDevice(this.#host, this.names, below.path, pin.imageBytes);
    this.aftermath.attached({ image: connected.image, transport }, true);
    await requireFlushes([path]);
    return { ...connected, imageDevice: path, transportDevice: below.path };
  }

  /** Takes the mapping away again, and leaves what is below it. */
  async lock(opened: Opened): Promise<Locked> {
    await removeDm(this.#host.exec, [this.names.mapping]);
    return opened;
  }

  /** Before anything looks at the file system: a shrink was broken off, and some of its blocks are in the image already. */
  async #endMoving(
    { pin, headerFile }: Target,
    { device, isWritable }: { device: string; isWritable: boolean },
    run: RunContext,
    signal: AbortSignal,
  ): Promise<void> {
    if (!isWritable) {
      throw new LuksmithError(
        "tool_failed",
        "making the volume smaller was broken off, and the image cannot be written now",
        {
          hint: `the next run that can write to it ends that: luksmith volume resize ${this.names.volume}`,
        },
      );
    }
    const bytes = pin.imageBytes - pin.dataOffsetBytes;
    const moved = { host: this.#host, names: this.names, device, bytes, file: movedBlocksFile(headerFile) };
    await run.step("write the moved blocks down", () => mergeMoved(moved, signal));
  }

  /** Of a run whose releases failed, say for want of processes or files. */
  async #releaseLeftovers(run: RunContext): Promise<void> {
    if (!(await heldVolumes(this.#host.runtimeDir)).includes(this.names.volume)) return;
    run.note("releasing what an earlier run left attached");
    await new Stack(this.#host, this.names.volume, true).release();
  }

  /** Once everything is released. */
  keepCheckpoint(): void {
    this.#transport?.keepCheckpoint();
  }

  async mount(target: Target, opened: Opened, mode: AttachMode, run: RunContext): Promise<void> {
    const { device, superblock, signal, isWritable } = opened;
    const { pin, volume } = target;
    const { compression } = volume;
    const spec = { device, superblock, names: this.names, pin, compression, mode, mayRepair: isWritable };
    await run.step("mount", () => mountVolume(this.#host, spec, run, signal));
  }

  /** @throws {ReleaseError} naming everything that is left */
  release(): Promise<void> {
    return this.#undo.unwind();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}

/**
 * cryptsetup opens what is half re-encrypted, too, but first puts right in the data what was under way: on a placeholder that
 * would be lost.
 */
function requireOneVolumeKey({ pin, volume: { name } }: Target): void {
  if (pin.pending !== "reencrypt") return;
  throw new LuksmithError("locked", `the re-encryption of volume ${name} has begun and not ended`, {
    hint: `luksmith key reencrypt ${name} goes on with it; what is in the volume can be read by hand meanwhile: docs/keys.md`,
  });
}

/** Without them a sync would say that all is on the backup host's disk, while it is not. */
export async function requireFlushes(devices: readonly string[]): Promise<void> {
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
