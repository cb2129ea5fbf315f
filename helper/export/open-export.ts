/**
 * One export: an open image, an nbd-server on it, and for one that goes over TCP a place in the firewall. Firewall before server,
 * and on the way back server before firewall: nothing listens that is not guarded.
 */

import type { FileHandle } from "node:fs/promises";
import { chmod, chown, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LuksmithError } from "../../common/errors.ts";
import { UndoStack } from "../../common/undo.ts";
import type { Host } from "../session/host.ts";
import { imageFd } from "../storage/image-lock.ts";
import type { Owner } from "../storage/machine-directory.ts";
import { type Firewall, renewalMs } from "./firewall.ts";
import type { Admission, PortRange } from "./firewall-rules.ts";
import { type Listen, renderNbdConfig } from "./nbd-config.ts";
import { NbdServer } from "./nbd-server.ts";

/** What an NBD client asks for. No secret: who may ask is decided by who can reach the server. */
export const exportName = "image";

/** Over TCP: where the server listens, and for whom. */
export interface DirectWay {
  readonly firewall: Firewall;
  /** Of this host. */
  readonly address: string;
  readonly ports: PortRange;
  /** Of the machine, as sshd saw it. */
  readonly client: string;
}

export interface ExportSpec {
  /** A directory of this export's own, which nobody else knows; not there yet. */
  readonly directory: string;
  /** Closed with the export. */
  readonly image: FileHandle;
  readonly owner: Owner;
  readonly readOnly: boolean;
  /** Left out: a Unix socket, see {@link socketIn}. */
  readonly direct: DirectWay | undefined;
}

export interface OpenedExport {
  /** Of a direct one. */
  readonly port: number;
  /** Resolves when it serves nobody any more: closed, its client gone, or its server dead. */
  readonly ended: Promise<void>;
  /** Safe to call twice. */
  close(): Promise<void>;
}

/** Where the socket of an export is, in a directory that its nbd-server may write to. */
function socketIn(directory: string): string {
  return join(directory, "socket", "nbd");
}

/** @throws {LuksmithError} and holds nothing then */
export async function openExport(host: Host, spec: ExportSpec): Promise<OpenedExport> {
  const undo = new UndoStack();
  undo.add("close the image", () => spec.image.close());
  undo.add("remove the export's directory", () => rm(spec.directory, { recursive: true, force: true }));
  try {
    await makeDirectory(spec);
    const { server, port } = await (spec.direct === undefined
      ? serveOnSocket(host, spec, undo)
      : serveOnPort(host, spec, spec.direct, undo));
    const ended = server.ended.then((said) => {
      host.log.debug({ said }, "nbd-server has ended");
    });
    return { port, ended, close: once(() => undo.unwind()) };
  } catch (error) {
    await undo.unwind().catch((left: unknown) => host.log.error({ err: left }, "an export could not be taken back"));
    throw error;
  }
}

/** Root's, and open to the machine's user alone; only where the socket goes can that user write. */
async function makeDirectory({ directory, owner }: ExportSpec): Promise<void> {
  const forSocket = join(directory, "socket");
  await mkdir(directory, { mode: 0o700 });
  await mkdir(forSocket, { mode: 0o700 });
  await chown(directory, 0, owner.gid);
  await chmod(directory, 0o750);
  await chown(forSocket, owner.uid, owner.gid);
}

async function startServer(host: Host, spec: ExportSpec, listen: Listen, undo: UndoStack): Promise<NbdServer> {
  const configFile = join(spec.directory, "nbd.conf");
  await writeFile(configFile, renderNbdConfig({ listen, name: exportName, fd: imageFd, readOnly: spec.readOnly }));
  await chown(configFile, 0, spec.owner.gid);
  await chmod(configFile, 0o640);
  const server = await NbdServer.start(host.start, host.clock, { ...spec, configFile, listen });
  undo.add("stop nbd-server", () => server.stop());
  return server;
}

async function serveOnSocket(
  host: Host,
  spec: ExportSpec,
  undo: UndoStack,
): Promise<{ server: NbdServer; port: number }> {
  const server = await startServer(host, spec, { unixSocket: socketIn(spec.directory) }, undo);
  return { server, port: 0 };
}

/** The first port that no session has, and that nobody else of this host listens on. */
async function serveOnPort(
  host: Host,
  spec: ExportSpec,
  { firewall, address, ports, client }: DirectWay,
  undo: UndoStack,
): Promise<{ server: NbdServer; port: number }> {
  await firewall.requireTable();
  let failure: unknown;
  for (let port = ports.first; port <= ports.last; port += 1) {
    const admission: Admission = { address: client, port };
    const attempt = new UndoStack();
    attempt.add(`shut port ${port}`, () => firewall.dismiss(admission));
    if (!(await firewall.admit(admission))) continue;
    try {
      const server = await startServer(host, spec, { address, port }, attempt);
      const shut = once(() => attempt.unwind());
      const renewing = keepAdmitted(host, firewall, admission, shut);
      undo.add("shut the port", () => {
        renewing.abort();
        return shut();
      });
      return { server, port };
    } catch (error) {
      await attempt.unwind();
      if (error instanceof LuksmithError && error.code === "locked") throw error;
      failure = error;
    }
  }
  throw (
    failure ??
    new LuksmithError("locked", `all ports from ${ports.first} to ${ports.last} are taken`, {
      hint: "the backup host's administrator: more of them, as direct.ports",
    })
  );
}

/** Renews the place in the firewall; when that fails, nothing is served any more. */
function keepAdmitted(
  { clock, log }: Host,
  firewall: Firewall,
  admission: Admission,
  close: () => Promise<void>,
): AbortController {
  const over = new AbortController();
  const renew = async () => {
    for (;;) {
      await clock.sleep(renewalMs, over.signal);
      await firewall.renew(admission);
    }
  };
  renew().catch(async (error: unknown) => {
    if (over.signal.aborted) return;
    log.error({ err: error, ...admission }, "the firewall no longer lets the machine in: closing its export");
    await close().catch((left: unknown) => log.error({ err: left }, "an export could not be closed"));
  });
  return over;
}

/** However often it is asked for, by whom ever: all wait for the same. */
function once(work: () => Promise<void>): () => Promise<void> {
  let begun: Promise<void> | undefined;
  return () => {
    begun ??= work();
    return begun;
  };
}
