/**
 * One export: a locked image, the lease on it, an nbd-server, and for one that goes over TCP a place in the firewall. Firewall before
 * server, and on the way back server before firewall: nothing listens that is not guarded.
 */

import type { FileHandle } from "node:fs/promises";
import type { LuksmithError } from "../../common/errors.ts";
import type { ImageLease } from "../lease/image-lease.ts";
import type { Host } from "../session/host.ts";
import { firstFd } from "../storage/file.ts";
import type { Owner } from "../storage/machine-directory.ts";
import { makeDiscardRoom, takeDiscardRoom } from "./discard-room.ts";
import { makeExportDirectory, removeExportDirectory, socketIn, writeConfig } from "./export-directory.ts";
import { type Listen, renderNbdConfig } from "./nbd-config.ts";
import { NbdServer } from "./nbd-server.ts";
import { Releases } from "./releases.ts";
import { type DirectWay, serveOnPort } from "./serve-on-port.ts";

/** What an NBD client asks for. No secret: who may ask is decided by who can reach the server. */
export const exportName = "image";

export interface ExportSpec {
  /** A directory of this export's own, which nobody else knows; not there yet. */
  readonly directory: string;
  /** Locked; closed with the export. */
  readonly image: FileHandle;
  /** One of the machine's places for exports, taken; closed with the export. */
  readonly place: FileHandle;
  /** Not taken yet. Left out: none is needed. */
  readonly lease: ImageLease | undefined;
  readonly owner: Owner;
  readonly readOnly: boolean;
  /** So many bytes from its beginning may be discarded; 0 for none. */
  readonly discardsBelow: number;
  /** Left out: a Unix socket, see {@link socketIn}. */
  readonly direct: DirectWay | undefined;
}

export interface OpenedExport {
  /** Of a direct one. */
  readonly port: number;
  /** Resolves, with the reason, when it is to be closed: its client has gone, its server is dead, or it may serve no longer. */
  readonly over: Promise<string>;
  /** Safe to call again; what could not be closed is tried again then. */
  close(): Promise<void>;
}

/** Starts an nbd-server of this export, with these files open in it as well. */
export type StartServer = (listen: Listen, locks: readonly FileHandle[], signal: AbortSignal) => Promise<NbdServer>;

/** @throws {LuksmithError} and holds nothing then, but what could not be given back, which is in the log; the signal's reason */
export async function openExport(host: Host, spec: ExportSpec, signal: AbortSignal): Promise<OpenedExport> {
  const releases = new Releases();
  releases.add("free the place", () => spec.place.close());
  releases.add("close the image", () => spec.image.close());
  const lost = new AbortController();
  const onLost = (reason: LuksmithError) => lost.abort(reason);
  const any = AbortSignal.any([signal, lost.signal]);
  try {
    const { lease, directory, owner, direct } = spec;
    // an expired lease is watched for minutes, for nothing then
    await direct?.firewall.requireTable();
    if (lease !== undefined) {
      releases.add("remove the lease", () => lease.release());
      await lease.take(any);
      lease.keep(onLost);
    }
    if (spec.discardsBelow > 0) {
      const restored = await makeDiscardRoom(spec.image, spec.discardsBelow);
      releases.add("give the image its size again", () => takeDiscardRoom(spec.image, restored));
    }
    releases.add("remove the export's directory", () => removeExportDirectory(host.exec, directory));
    await makeExportDirectory(directory, owner);
    const start: StartServer = async (listen, locks, until) => {
      const text = renderNbdConfig({ listen, name: exportName, fd: firstFd, readOnly: spec.readOnly });
      const configFile = await writeConfig(directory, text, owner);
      const files = [spec.image, spec.place, ...locks] as const;
      return NbdServer.start(host.start, host.clock, { files, configFile, listen, owner }, until);
    };
    const { server, port } = await (direct === undefined
      ? serveOnSocket(start, directory, releases, any)
      : serveOnPort(host, start, direct, releases, any, onLost));
    return { port, over: whenOver(host, server, lost.signal), close: () => releases.run() };
  } catch (error) {
    await releases.run().catch((left: unknown) => host.log.error({ err: left }, "an export could not be taken back"));
    throw lost.signal.aborted ? lost.signal.reason : error;
  }
}

async function serveOnSocket(
  start: StartServer,
  directory: string,
  releases: Releases,
  signal: AbortSignal,
): Promise<{ server: NbdServer; port: number }> {
  const server = await start({ unixSocket: socketIn(directory) }, [], signal);
  releases.add("stop nbd-server", () => server.stop());
  return { server, port: 0 };
}

function whenOver(host: Host, server: NbdServer, lost: AbortSignal): Promise<string> {
  const isLost = new Promise<string>((resolve) => {
    const tell = () => resolve(String((lost.reason as Error).message));
    if (lost.aborted) tell();
    else lost.addEventListener("abort", tell, { once: true });
  });
  const ended = server.ended.then((said) => {
    host.log.debug({ said }, "nbd-server has ended");
    return "its server has ended";
  });
  return Promise.race([isLost, ended]);
}
