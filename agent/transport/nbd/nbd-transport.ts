/** The image by way of the helper: a session, an export in it, and a network block device on that. The session is the lease. */

import { randomUUID } from "node:crypto";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { posix } from "node:path";
import { allOrFirstError } from "../../../common/all-settled.ts";
import { asLuksmithError, LuksmithError } from "../../../common/errors.ts";
import type { Child } from "../../../common/exec.ts";
import { quoteText } from "../../../common/quote.ts";
import { version } from "../../../common/version.ts";
import { ExportMode, type OpenExportResponse, type ProbeResponse } from "../../../proto/gen/luksmith/v1/helper.ts";
import type { RemoteConfig } from "../../config/remote.ts";
import { HelperSession } from "../../helper-session/helper-session.ts";
import { LeaseTokens, machineName } from "../../lease/lease-tokens.ts";
import type { RunContext } from "../../runs/context.ts";
import type { StackNames } from "../../stack/names.ts";
import type { IoState } from "../../stack/stall-meter.ts";
import type { Host } from "../../system/host.ts";
import { requireNbd } from "../../tools/nbd-client.ts";
import { startTcpRelay } from "../../tools/socat.ts";
import { fullHost, noImage, requireBytes, takesNoData, whatStays } from "../image-errors.ts";
import type { ConnectRequest, DeviceSize, ImageDevice, RemoteImage, Transport } from "../transport.ts";
import { VolumeNbdDevice } from "./nbd-device.ts";
import { NbdImage, statImage } from "./nbd-image.ts";
import { requireProgram } from "./programs.ts";
import { NbdUnusableError } from "./unusable.ts";

/** Beyond the time for which the helper may have to watch an expired lease: the start of nbd-server, and the end of an earlier one. */
const openExtraMs = 180_000;
const closeDeadlineMs = 15_000;
/** A host may have to write out much before an image can be copied; that it can be waited for is known by its silence, not by a time. */
const checkpointDeadlineMs = 180_000;
const notReserved = { readOnly: true, lease: undefined, discardsBelow: 0 };

/** Of an attachment that is being made or stands. */
interface Reached {
  readonly request: ConnectRequest;
  readonly run: RunContext;
  readonly session: HelperSession;
  readonly can: ProbeResponse;
  readonly image: NbdImage;
  /** As the helper knows it. */
  readonly path: string;
  /** Asked for already, where nothing goes before. */
  readonly opening: Promise<Opened> | undefined;
}

interface Opened {
  readonly exported: OpenExportResponse;
  readonly isReserved: boolean;
}

export class NbdTransport implements Transport {
  readonly #host: Host;
  readonly #names: StackNames;
  readonly #device: VolumeNbdDevice;
  #session: HelperSession | undefined;
  #reached: Reached | undefined;
  #exported: OpenExportResponse | undefined;
  #keepsCheckpoint = false;

  constructor(host: Host, names: StackNames) {
    this.#host = host;
    this.#names = names;
    this.#device = new VolumeNbdDevice(host, names);
  }

  async connect(request: ConnectRequest, run: RunContext, signal: AbortSignal): Promise<RemoteImage> {
    const { remote } = request;
    const session = new HelperSession(this.#host, remote, this.#names);
    this.#session = session;
    request.onConnecting(session.lost);
    const lostToo = AbortSignal.any([signal, session.lost]);
    return await run.step("connect", async () => {
      // known from the second time on, and no connection is made that could not be used
      await requireNbd(this.#host.exec);
      await session.begin(signal);
      await request.first;
      // only the helper knows where in its directory an absolute path leads
      const can = posix.isAbsolute(remote.path) ? await session.greet(signal, request.triesStorage) : undefined;
      const path = imagePath(remote, request.image, can);
      // none waits for the other's answer; and whoever looks has the image's lock, for a moment
      const looking = request.preparesImage ? statImage(session, path, lostToo) : Promise.resolve(undefined);
      looking.catch(() => undefined);
      const opening = request.preparesImage ? undefined : this.#open(session, request, path, run, lostToo);
      opening?.catch(() => undefined);
      const able = can ?? (await session.greet(signal, request.triesStorage));
      requireServer(able, remote);
      request.onConnected();
      noteVersion(able, remote, run);
      const found = await looking;
      const image = new NbdImage(session, remote, path, found !== undefined, able);
      this.#reached = { request, run, session, can: able, image, path, opening };
      return image;
    });
  }

  /** Over TCP where both sides trust the wire. */
  async #open(
    session: HelperSession,
    { remote, mode, discardsBelow }: ConnectRequest,
    image: string,
    run: RunContext,
    signal: AbortSignal,
  ): Promise<Opened> {
    const token = randomUUID();
    const ownTokens = await new LeaseTokens(this.#host, this.#names.volume).announce(token);
    const lease = { token, machine: machineName(), run: run.runId, leaseMs: remote.leaseMs, ownTokens };
    const ask = async (exportMode: ExportMode, isReserved: boolean): Promise<Opened> => {
      const reserved = isReserved ? { readOnly: false, lease, discardsBelow } : notReserved;
      const request = { image, mode: exportMode, ...reserved };
      const exported = await session.call("openExport", request, signal, remote.leaseMs + openExtraMs);
      this.#exported = exported;
      return { exported, isReserved };
    };
    const inTheOpen = async (isReserved: boolean) => {
      if (!remote.trustedWire) return ask(ExportMode.TUNNEL, isReserved);
      try {
        await requireProgram(this.#host.exec, "socat");
        return await ask(ExportMode.DIRECT, isReserved);
      } catch (error) {
        const { code, message } = asLuksmithError(error);
        if (code !== "refused") throw error;
        run.note(`${message}: through the tunnel`);
        return ask(ExportMode.TUNNEL, isReserved);
      }
    };
    try {
      return await inTheOpen(true);
    } catch (error) {
      signal.throwIfAborted();
      const { code, message } = asLuksmithError(error);
      if (mode === "write" || !["tool_failed", "full", "denied"].includes(code)) throw error;
      run.warn(`${message}: reading without a lease, and without repairing anything`);
      return await inTheOpen(false);
    }
  }

  async openDevice(size: DeviceSize, run: RunContext, signal: AbortSignal): Promise<ImageDevice> {
    const reached = this.#reached;
    if (reached === undefined) throw new LuksmithError("internal", "no device without a connection");
    // an nbd-server takes seconds on a slow host before it says its first word
    return await run.step("export", () => this.#openExport(reached, size, run, signal));
  }

  async #openExport(
    reached: Reached,
    { bytes, sectorBytes }: DeviceSize,
    run: RunContext,
    signal: AbortSignal,
  ): Promise<ImageDevice> {
    const { request, session, path, opening } = reached;
    const { remote, image } = request;
    const { exported, isReserved } = await (opening ?? this.#open(session, request, path, run, signal)).catch(
      (error: unknown) => {
        throw asLuksmithError(error).code === "not_found" ? noImage(remote.name, image) : error;
      },
    );
    requireBytes(remote.name, image, exported.bytes, bytes);
    const relay = exported.address === "" ? undefined : await this.#tcpRelay(exported, remote);
    const startRelay = relay ?? ((connection: number) => session.attach(exported.channel, connection));
    const onRelayEnd = (said: string) => {
      // what the relay says comes from the backup host, or is about it
      void session
        .channelEnded(said)
        .catch((error: unknown) => this.#host.log.error({ err: error }, "could not end the session"));
    };
    const device = await this.#device.connect(
      { exportName: exported.name, sectorBytes },
      startRelay,
      onRelayEnd,
      signal,
    );
    requireBytes(remote.name, image, device.bytes, bytes);
    return { path: device.path, number: device.device, readOnly: device.readOnly, isReserved };
  }

  /** The host may name only itself: another address would make this machine speak to somebody of the host's choice. */
  async #tcpRelay({ address, port }: OpenExportResponse, remote: RemoteConfig): Promise<(connection: number) => Child> {
    const own = (await lookup(remote.host, { all: true })).map((found) => found.address);
    const isPort = Number.isInteger(port) && port >= 1024 && port <= 65_535;
    if (isIP(address) === 0 || !own.includes(address) || !isPort) {
      throw new LuksmithError("refused", `${remote.name} offers its image at another address than its own`, {
        hint: `direct.address in its helper.yaml has to be one that ${remote.host} stands for; or remotes.${remote.name}.trustedWire: false`,
      });
    }
    return (connection) => startTcpRelay(this.#host.start, { address, port, connection });
  }

  async trouble(volume: string, signal: AbortSignal): Promise<LuksmithError | undefined> {
    if (this.#reached === undefined) return undefined;
    const { session, request } = this.#reached;
    const { name } = request.remote;
    const can = await session.call("probe", { version, triesStorage: true }, signal);
    const full = fullHost(name, can.freeBytes);
    // a helper that was not made for this question says nothing
    if (full !== undefined || can.noDataReason === "") return full;
    return takesNoData(name, volume, `${quoteText(can.noDataReason)}; ${whatStays}`);
  }

  keepCheckpoint(): void {
    this.#keepsCheckpoint = true;
  }

  /** The image is closed. One that is not made is no failure of the run: it has done what it was to do. */
  async #makeCheckpoint(reached: Reached): Promise<void> {
    const { session, run, path } = reached;
    const { name } = reached.request.remote;
    try {
      const asked = session.call("createCheckpoint", { image: path }, session.lost, checkpointDeadlineMs);
      run.note(`checkpoint ${(await asked).checkpoint?.name} is kept on ${name}`);
    } catch (error) {
      const { code, message } = asLuksmithError(error);
      // the host makes no more of them than it wants, or has a storage that makes none
      if (code === "exists" || code === "refused") run.note(`no checkpoint on ${name}: ${message}`);
      else warnOfNoCheckpoint(reached, error);
    }
  }

  look(): Promise<IoState | "gone"> {
    return this.#device.look();
  }

  async fail(reason: LuksmithError): Promise<void> {
    await allOrFirstError(this.#session?.fail(reason) ?? Promise.resolve(), this.#device.break());
  }

  async break(): Promise<void> {
    await allOrFirstError(this.#session?.break() ?? Promise.resolve(), this.#device.break());
  }

  async letDeviceGo(below: readonly string[]): Promise<void> {
    this.#device.isBelow(below);
  }

  prepareRelease(): void {}

  async releaseDevice(): Promise<void> {
    await this.#device.release();
    const session = this.#session;
    if (session === undefined) return;
    const exported = this.#exported;
    this.#exported = undefined;
    const reached = this.#reached;
    const isToBeKept = this.#keepsCheckpoint && reached?.can.wantsCheckpoints === true;
    if (session.lost.aborted) {
      if (isToBeKept) warnOfNoCheckpoint(reached, session.lost.reason);
      return;
    }
    try {
      if (exported !== undefined) {
        // the helper ends nbd-server and gives the lease back
        const deadlineMs = isToBeKept ? checkpointDeadlineMs : closeDeadlineMs;
        await session.call("closeExport", { export: exported.export }, session.lost, deadlineMs);
      }
      if (isToBeKept) await this.#makeCheckpoint(reached);
      if (reached?.image.isDiscarded) {
        await session.call("discardImage", { image: reached.path }, session.lost, closeDeadlineMs);
      }
    } catch (error) {
      if (reached?.image.isDiscarded) throw error;
      // it goes with the session, which ends now
      this.#host.log.warn({ err: error, volume: this.#names.volume }, "the export was not closed");
      if (isToBeKept) warnOfNoCheckpoint(reached, error);
    }
  }

  async release(): Promise<void> {
    await this.#session?.end();
    this.#session = undefined;
    this.#reached = undefined;
  }
}

function warnOfNoCheckpoint({ run, request }: Reached, reason: unknown): void {
  run.warn(`no checkpoint on ${request.remote.name}: ${asLuksmithError(reason).message}`);
}

/** Pure: as the helper names it, from its own directory on. @throws {NbdUnusableError} */
function imagePath({ name, path }: RemoteConfig, image: string, can: ProbeResponse | undefined): string {
  if (can === undefined) return posix.join(path, image);
  const below = posix.relative(can.directory, posix.join(path, image));
  if (!below.startsWith("..")) return below;
  const hint = `remotes.${name}.path has to be relative, or below ${quoteText(can.directory)}`;
  throw new NbdUnusableError(`the helper on ${name} serves nothing in ${path}`, hint);
}

function noteVersion(can: ProbeResponse, { name }: RemoteConfig, run: RunContext): void {
  if (can.version === version) return;
  run.note(
    `the helper on ${name} is of version ${can.version}, this machine's luksmith of ${version}: luksmith remote setup ${name}`,
  );
}

function requireServer({ nbdServerVersion }: ProbeResponse, { name }: RemoteConfig): void {
  if (nbdServerVersion !== "") return;
  throw new NbdUnusableError(`nbd-server cannot be used on ${name}`, `luksmith remote setup ${name}`);
}
