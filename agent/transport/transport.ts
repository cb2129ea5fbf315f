/** The lowest layers, as those above see them: a way to the backup host, and a block device that is the image. */

import type { Clock } from "../../common/clock.ts";
import type { LuksmithError } from "../../common/errors.ts";
import { waitUntil } from "../../common/wait-until.ts";
import type { RemoteConfig } from "../config/remote.ts";
import type { RunContext } from "../runs/context.ts";
import type { IoState } from "../stack/stall-meter.ts";

/** For reading as well a journal may have to be replayed. */
export type AttachMode = "read" | "write";

/** Between the errors of a device that has died and the end of the program that it was reached through. */
const noticeMs = 3000;

export interface ConnectRequest {
  readonly remote: RemoteConfig;
  /** One file name, in the remote's directory. */
  readonly image: string;
  readonly mode: AttachMode;
  /** Whoever connects makes or changes the image before it is opened; otherwise it is to be as it is. */
  readonly preparesImage: boolean;
  /** So many bytes from the image's beginning are going to be discarded; 0: nothing is. */
  readonly discardsBelow: number;
  /** The run lives by what the host's storage can do, which it is to try out. */
  readonly triesStorage: boolean;
  /** What goes before everything that would only wait for the host's first answer. */
  readonly first: Promise<void>;
  /** Called when the connection can be lost, which is before the host has answered. */
  readonly onConnecting: (lost: AbortSignal) => void;
  /** Called when the host has answered: from now on its silence is somebody's concern. @returns for how long it has owed an answer */
  readonly onConnected: () => () => number;
}

export interface ImageStat {
  readonly bytes: number;
  /** What it takes on the host's disk. */
  readonly allocatedBytes: number;
  /** When it was last written to, by the host's clock; undefined when the host does not say. */
  readonly writtenAt: Date | undefined;
}

/** What a host says of its room. Undefined: nothing, or nothing sensible. */
export interface HostRoom {
  readonly freeBytes: number | undefined;
  /** No image of this machine's may be larger. */
  readonly mostImageBytes: number | undefined;
}

/** The image on the backup host, while the connection stands. */
export interface RemoteImage {
  /** Is there something under its name, at first sight? */
  readonly isThere: boolean;
  /** Why its host cannot give back what is discarded; undefined when it can. Only where that was tried out. */
  readonly whyNoHoles: string | undefined;
  /** @returns undefined when there is none any more */
  stat(signal: AbortSignal): Promise<ImageStat | undefined>;
  /**
   * Makes it exclusively, sparse, in its full size. Cannot be cancelled, but for the loss of the connection: cut short, there would be
   * no telling whether the image that is there is ours to remove.
   * @throws {LuksmithError} "exists"; "not_found" when its directory is not there
   */
  create(bytes: number): Promise<void>;
  /** Removes what {@link create} has made. */
  discard(): Promise<void>;
  /** As far as the host tells: of a quota it may say nothing. */
  room(signal: AbortSignal): Promise<HostRoom>;
  /** To at least this size; never shrinks. */
  grow(bytes: number, signal: AbortSignal): Promise<void>;
  /** To at most this size: what is beyond is gone. */
  shrink(bytes: number, signal: AbortSignal): Promise<void>;
}

/** What a block device has to have. */
export interface DeviceSize {
  /** At least. */
  readonly bytes: number;
  readonly sectorBytes: number;
}

/** The image as a block device of this machine. */
export interface ImageDevice {
  /** "/dev/loop3" */
  readonly path: string;
  /** "major:minor" */
  readonly number: string;
  readonly readOnly: boolean;
  /** The image is reserved for this machine; otherwise it may only be read. */
  readonly isReserved: boolean;
}

/**
 * One of a volume's. All releases ask the system what is there, so that one of which nothing is known but its name can be released;
 * they are called in this order: {@link letDeviceGo}, {@link releaseDevice}, {@link release}.
 */
export interface Transport {
  /** @throws {LuksmithError} "unreachable" with the reason; for a host key that is not trusted, both fingerprints */
  connect(request: ConnectRequest, run: RunContext, signal: AbortSignal): Promise<RemoteImage>;
  /**
   * Looks at the image, and puts a block device on it.
   * @throws {LuksmithError} "tampered" with what is wrong, "locked" with who has it
   */
  openDevice(size: DeviceSize, run: RunContext, signal: AbortSignal): Promise<ImageDevice>;
  /** Why a host that is there does not take what is written; undefined when it does. */
  trouble(volume: string, signal: AbortSignal): Promise<LuksmithError | undefined>;
  /** What is waited for, and what has come back, or "gone". */
  look(): Promise<IoState | "gone">;
  /** The connection is of no more use, for a reason that those who work over it are told. */
  fail(reason: LuksmithError): Promise<void>;
  /** Makes everything that waits on it fail now. */
  break(): Promise<void>;
  /** When the image has been released a copy of it is to be kept out of this machine's reach, where the host makes such. */
  keepCheckpoint(): void;
  /** What lies on these devices is about to go: they are to go with it. What fails here is tried again by {@link releaseDevice}. */
  letDeviceGo(below: readonly string[]): Promise<void>;
  /** Nothing can be written to the image any more when this begins. @param signal aborted when the connection is lost */
  prepareRelease(signal: AbortSignal): void;
  /** The device, and the reservation of the image. */
  releaseDevice(): Promise<void>;
  release(): Promise<void>;
}

/** Whether errors that were just met come from a lost connection, which is known a moment after them. */
export function noticeLoss(clock: Clock, lost: AbortSignal): Promise<boolean> {
  return waitUntil(clock, noticeMs, () => lost.aborted);
}
