/** One connection of one machine, and what it has opened, which lives as long as it does. */

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { LuksmithError } from "../../common/errors.ts";
import { quoteText } from "../../common/quote.ts";
import { formatBytes } from "../../common/units.ts";
import type { HelperConfig, MachineConfig } from "../config/helper-config.ts";
import { Firewall } from "../export/firewall.ts";
import { type DirectWay, exportName, type OpenedExport, openExport } from "../export/open-export.ts";
import { MachineDirectory, type Owner } from "../storage/machine-directory.ts";
import type { Host } from "./host.ts";
import { ownPrefix } from "./runtime-directory.ts";

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

export class Session {
  readonly machine: Machine;
  readonly directory: MachineDirectory;
  readonly #host: Host;
  readonly #config: HelperConfig;
  readonly #exports = new Map<number, OpenedExport>();
  /** Images that were made here, and may be taken back. */
  readonly #made = new Set<string>();
  #lastId = 0;
  readonly #opening = new Set<Promise<unknown>>();
  #isOver = false;

  constructor(host: Host, config: HelperConfig, machine: Machine) {
    this.#host = host;
    this.#config = config;
    this.machine = machine;
    this.directory = new MachineDirectory(machine.config.directory, machine.owner);
  }

  /** @throws {LuksmithError} "full" when it is more than this machine may have */
  requireSize(bytes: number): void {
    const { maxImageBytes } = this.machine.config;
    if (!Number.isSafeInteger(bytes) || bytes <= 0) throw new LuksmithError("usage", "an image has some bytes");
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
    this.#made.add(image);
    this.#host.log.info({ image, bytes }, "image made");
  }

  /** @throws {LuksmithError} "denied" for an image that this session has not made */
  async discardImage(image: string): Promise<void> {
    if (!this.#made.has(image)) throw new LuksmithError("denied", `${quoteText(image)} was not made in this session`);
    await this.directory.remove(image);
    this.#made.delete(image);
    this.#host.log.info({ image }, "image taken back");
  }

  /** @throws {LuksmithError} "refused" with the reason when nothing may go in the clear to where the machine is */
  directWay(): DirectWay {
    const { direct } = this.#config;
    const { address, config } = this.machine;
    const why =
      direct === undefined
        ? "the backup host does not serve over TCP (direct, in its helper.yaml)"
        : address === undefined
          ? "the backup host was not told the machine's address (SSH_CONNECTION)"
          : config.trustedWires.some((network) => network.contains(address))
            ? undefined
            : `the backup host does not trust the wire to ${address} (machines.${config.name}.trustedWire)`;
    if (why !== undefined || direct === undefined || address === undefined) {
      throw new LuksmithError("refused", `no direct export: ${why}`, { hint: "the tunnel needs no such trust" });
    }
    return { firewall: new Firewall(this.#host.exec, direct.ports), ...direct, client: address };
  }

  /** What is being opened when the session ends is closed before its end. */
  async openExport(request: ExportRequest): Promise<ExportReply> {
    const { maxExports } = this.machine.config;
    if (this.#isOver) throw new LuksmithError("cancelled", "the session is over");
    if (this.#exports.size + this.#opening.size >= maxExports) {
      throw new LuksmithError("locked", `this machine may have ${maxExports} exports at a time`);
    }
    const opening = this.#open(request);
    this.#opening.add(opening);
    return await opening.finally(() => this.#opening.delete(opening));
  }

  async #open({ image, direct, readOnly }: ExportRequest): Promise<ExportReply> {
    const way = direct ? this.directWay() : undefined;
    const channel = `${await ownPrefix()}${randomBytes(16).toString("hex")}`;
    const file = await this.directory.open(image);
    const { size } = await file.stat();
    const opened = await openExport(this.#host, {
      directory: join(this.#config.runtimeDir, channel),
      image: file,
      owner: this.machine.owner,
      readOnly,
      direct: way,
    });
    this.#lastId += 1;
    const id = this.#lastId;
    this.#exports.set(id, opened);
    this.#host.log.info({ export: id, image, direct, readOnly }, "export opened");
    void opened.ended
      .then(() => this.closeExport(id))
      .catch((error: unknown) => this.#host.log.error({ err: error, export: id }, "an export could not be closed"));
    return {
      export: id,
      name: exportName,
      bytes: size,
      channel,
      address: way?.address ?? "",
      port: opened.port,
    };
  }

  /** Whatever is open of that number; a number that is none is closed already. */
  async closeExport(id: number): Promise<void> {
    const opened = this.#exports.get(id);
    if (opened === undefined) return;
    await opened.close();
    if (this.#exports.delete(id)) this.#host.log.info({ export: id }, "export closed");
  }

  /** All that it has opened. @throws the first error, when everything has been tried */
  async close(): Promise<void> {
    this.#isOver = true;
    await Promise.allSettled(this.#opening);
    const closed = await Promise.allSettled([...this.#exports.keys()].map((id) => this.closeExport(id)));
    const failed = closed.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  /** Every refusal is written down with who asked. */
  noteRefusal(call: string, error: LuksmithError): void {
    this.#host.log.warn({ call, code: error.code }, `refused: ${quoteText(error.message)}`);
  }
}
