/** One connection of one machine, and what it has opened, which lives as long as it does. */

import { randomBytes } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { isIPv6 } from "node:net";
import { join } from "node:path";
import { LuksmithError } from "../../common/errors.ts";
import { quoteText } from "../../common/quote.ts";
import { formatBytes } from "../../common/units.ts";
import type { HelperConfig, MachineConfig } from "../config/helper-config.ts";
import { Firewall } from "../export/firewall.ts";
import { askNbdServerVersion, requireVersion } from "../export/nbd-version.ts";
import { exportName, type OpenedExport, openExport } from "../export/open-export.ts";
import type { DirectWay } from "../export/serve-on-port.ts";
import { ImageLease } from "../lease/image-lease.ts";
import type { LeaseClaim } from "../lease/lease-claim.ts";
import { isLeasedBy, requireNoLease } from "../lease/lease-place.ts";
import { imageNames } from "../storage/image-path.ts";
import { lockImage, removeImage } from "../storage/images.ts";
import { MachineDirectory, type Owner } from "../storage/machine-directory.ts";
import type { Host } from "./host.ts";
import type { Places } from "./places.ts";
import { ownPrefix } from "./runtime-directory.ts";

/** By then the helper of a connection that is gone has noticed: see serve.ts. */
const ownEndMs = 90_000;
const lookAgainMs = 250;

/** Who is at the other end, as sshd and the system say. */
export interface Machine {
  readonly config: MachineConfig;
  readonly owner: Owner;
  /** Its address as sshd saw it; undefined when it was not told. */
  readonly address: string | undefined;
}

export interface ExportRequest {
  readonly image: string;
  readonly direct: boolean;
  readonly readOnly: boolean;
  /** Undefined for one that takes no lease. */
  readonly claim: LeaseClaim | undefined;
  /** So many bytes from its beginning may be discarded; 0 for none. */
  readonly discardsBelow: number;
}

export interface ExportReply {
  readonly export: number;
  /** What an NBD client has to ask for. */
  readonly name: string;
  readonly bytes: number;
  /** Of its directory: what finds the socket of one that is not direct. */
  readonly channel: string;
  readonly address: string;
  readonly port: number;
}

interface SessionExport {
  readonly opened: OpenedExport;
  /** Of its lease, if it has one. */
  readonly token: string | undefined;
}

export class Session {
  readonly machine: Machine;
  readonly directory: MachineDirectory;
  readonly #host: Host;
  readonly #config: HelperConfig;
  readonly #places: Places;
  readonly #exports = new Map<number, SessionExport>();
  /** Images that were made here, and may be taken back. */
  readonly #made = new Set<string>();
  #lastId = 0;
  /** Of which something could not be given back. */
  readonly #unclosed = new Set<OpenedExport>();
  #nbdVersion: string | undefined;

  constructor(host: Host, config: HelperConfig, machine: Machine, places: Places) {
    this.#host = host;
    this.#places = places;
    this.#config = config;
    this.machine = machine;
    this.directory = new MachineDirectory(machine.config.directory, machine.owner);
  }

  /** Of an image that is to be made or grown. @throws {LuksmithError} "usage"; "full" as {@link requireNoMore} */
  requireSize(bytes: number): void {
    if (!Number.isSafeInteger(bytes) || bytes <= 0) throw new LuksmithError("usage", "an image has some bytes");
    this.requireNoMore(bytes);
  }

  /** @throws {LuksmithError} "full" when it is more than an image of this machine may have */
  requireNoMore(bytes: number): void {
    const { maxImageBytes } = this.machine.config;
    if (maxImageBytes === undefined || bytes <= maxImageBytes) return;
    throw new LuksmithError(
      "full",
      `an image of this machine may have ${formatBytes(maxImageBytes)} on the backup host`,
      {
        hint: "its administrator: machines.NAME.maxImageSize",
      },
    );
  }

  async createImage(image: string, bytes: number): Promise<void> {
    await this.directory.create(image, bytes);
    this.#made.add(nameOf(image));
    this.#host.log.info({ image, bytes }, "image made");
  }

  /** @throws {LuksmithError} "denied" for an image that this session has not made, "locked" when somebody has it by now */
  async discardImage(image: string): Promise<void> {
    const name = nameOf(image);
    if (!this.#made.has(name)) throw new LuksmithError("denied", `${quoteText(image)} was not made in this session`);
    await requireNoLease(this.directory, image, this.#host.clock);
    await removeImage(this.#host.exec, this.directory, image);
    this.#made.delete(name);
    this.#host.log.info({ image }, "image taken back");
  }

  /** @throws {LuksmithError} "refused" with the reason when nothing may go in the clear to where the machine is */
  directWay(): DirectWay {
    const { direct, runtimeDir } = this.#config;
    const { address, config } = this.machine;
    const why = whyNotDirect(direct?.address, address, config);
    if (why !== undefined || direct === undefined || address === undefined) {
      throw new LuksmithError("refused", `no direct export: ${why}`, { hint: "the tunnel needs no such trust" });
    }
    return { firewall: new Firewall(this.#host.exec, direct.ports), runtimeDir, ...direct, client: address };
  }

  /** @returns as {@link askNbdServerVersion}; one that was found does not change while a session lasts */
  async nbdServerVersion(): Promise<string | undefined> {
    this.#nbdVersion ??= await askNbdServerVersion(this.#host.exec);
    return this.#nbdVersion;
  }

  /**
   * What is being opened when the session ends is given up, and waited for by whoever counts the calls.
   * @param signal ends it while it is being opened; what has been opened by then is closed again
   */
  async openExport(request: ExportRequest, signal: AbortSignal): Promise<ExportReply> {
    const { maxExports } = this.machine.config;
    requireVersion(await this.nbdServerVersion());
    await this.#closeForgotten(request.claim);
    const place = await this.#places.take("export", maxExports);
    if (place === undefined) {
      throw new LuksmithError("locked", `this machine may have ${maxExports} exports at a time`, {
        hint: "the backup host's administrator: machines.NAME.maxExports",
      });
    }
    try {
      return await this.#open(request, place, signal);
    } catch (error) {
      // closed already where it was handed on
      await place.close();
      throw error;
    }
  }

  async #open(
    { image, direct, readOnly, claim, discardsBelow }: ExportRequest,
    place: FileHandle,
    signal: AbortSignal,
  ): Promise<ExportReply> {
    const way = direct ? this.directWay() : undefined;
    const channel = `${await ownPrefix()}${randomBytes(16).toString("hex")}`;
    const file = await this.#lock(image, claim, signal);
    const prepared = await this.#prepare(image, file, readOnly, claim).catch(async (error: unknown) => {
      await file.close();
      throw error;
    });
    const opened = await openExport(
      this.#host,
      {
        directory: join(this.#config.runtimeDir, channel),
        image: file,
        place,
        lease: prepared.lease,
        owner: this.machine.owner,
        readOnly,
        discardsBelow,
        direct: way,
      },
      signal,
    );
    this.#lastId += 1;
    const id = this.#lastId;
    this.#exports.set(id, { opened, token: claim?.token });
    this.#host.log.info({ export: id, image, direct, readOnly }, "export opened");
    void opened.over
      .then((why) => this.closeExport(id, why))
      .catch((error: unknown) => this.#host.log.error({ err: error, export: id }, "an export could not be closed"));
    if (signal.aborted) {
      // nobody has heard of it
      await this.closeExport(id, "its call was cancelled");
      signal.throwIfAborted();
    }
    return {
      export: id,
      name: exportName,
      bytes: prepared.bytes,
      channel,
      address: way?.address ?? "",
      port: opened.port,
    };
  }

  /** An export that the machine has never heard of, since it gave up the call or the reply was lost: it still knows its token. */
  async #closeForgotten(claim: LeaseClaim | undefined): Promise<void> {
    for (const [id, { token }] of this.#exports) {
      const isOurs = token !== undefined && [claim?.token, ...(claim?.ownTokens ?? [])].includes(token);
      if (isOurs) await this.closeExport(id, "taken over");
    }
  }

  /**
   * A machine that was cut off, and is back: what it had before is served to nobody any more, and ends within a minute. Whoever has
   * another lease than one of its own is told at once.
   */
  async #lock(image: string, claim: LeaseClaim | undefined, signal: AbortSignal): Promise<FileHandle> {
    const { exec, clock } = this.#host;
    const giveUpMs = clock.monotonicMs() + ownEndMs;
    for (;;) {
      try {
        return await lockImage(exec, this.directory, image);
      } catch (error) {
        if (!(error instanceof LuksmithError) || error.code !== "locked") throw error;
        const isOwn = await isLeasedBy(this.directory, image, claim?.ownTokens ?? []);
        if (!isOwn) await requireNoLease(this.directory, image, clock);
        if (!isOwn || clock.monotonicMs() > giveUpMs) throw error;
        await clock.sleep(lookAgainMs, signal);
      }
    }
  }

  async #prepare(
    image: string,
    file: FileHandle,
    readOnly: boolean,
    claim: LeaseClaim | undefined,
  ): Promise<{ bytes: number; lease: ImageLease | undefined }> {
    const { size } = await file.stat();
    // SFTP makes files of any size
    if (!readOnly) this.requireNoMore(size);
    if (claim === undefined) return { bytes: size, lease: undefined };
    const place = await this.directory.place(image);
    return { bytes: size, lease: new ImageLease(this.#host, place, this.machine.owner, claim) };
  }

  /** Whatever is open of that number; a number that is none is closed already. @throws when something of it is left */
  async closeExport(id: number, why = "asked for"): Promise<void> {
    const opened = this.#exports.get(id)?.opened;
    if (opened === undefined) return;
    try {
      await opened.close();
      this.#unclosed.delete(opened);
      if (this.#exports.has(id)) this.#host.log.info({ export: id, why }, "export closed");
    } catch (error) {
      // no export any more, and not forgotten
      this.#unclosed.add(opened);
      throw error;
    } finally {
      this.#exports.delete(id);
    }
  }

  /** All that it has opened. @throws the first error, when everything has been tried */
  async close(): Promise<void> {
    const again = [...this.#unclosed].map((opened) => opened.close());
    const closing = [...this.#exports.keys()].map((id) => this.closeExport(id, "the session is over"));
    const closed = await Promise.allSettled([...again, ...closing]);
    const failed = closed.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  /** Every refusal is written down with who asked. */
  noteRefusal(call: string, error: LuksmithError): void {
    this.#host.log.warn({ call, code: error.code }, `refused: ${quoteText(error.message)}`);
  }
}

/** However it is written. */
function nameOf(image: string): string {
  return imageNames(image).join("/");
}

/** @param listen where servers listen, if anywhere @param address of the machine */
function whyNotDirect(
  listen: string | undefined,
  address: string | undefined,
  { name, trustedWires }: MachineConfig,
): string | undefined {
  if (listen === undefined) return "the backup host does not serve over TCP (direct, in its helper.yaml)";
  if (address === undefined)
    return "the backup host was not told an address of the machine's that it can guard (SSH_CONNECTION)";
  if (isIPv6(address) !== isIPv6(listen)) return `the machine comes from ${address}, and is served at ${listen} alone`;
  if (trustedWires.some((network) => network.contains(address))) return undefined;
  return `the backup host does not trust the wire to ${address} (machines.${name}.trustedWire)`;
}
