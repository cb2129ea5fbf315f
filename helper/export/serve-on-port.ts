/** An export over TCP: a port that nobody has, the client let in to it, and only then a server that listens there. */

import type { FileHandle } from "node:fs/promises";
import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import { readIfThere } from "../../common/if-there.ts";
import type { Host } from "../session/host.ts";
import { type Firewall, renewalMs } from "./firewall.ts";
import type { Admission, PortRange } from "./firewall-rules.ts";
import { isPortTaken } from "./listening.ts";
import type { NbdServer } from "./nbd-server.ts";
import type { StartServer } from "./open-export.ts";
import { lockPort } from "./port-lock.ts";
import { Releases } from "./releases.ts";

/** Over TCP: where the server listens, and for whom. */
export interface DirectWay {
  readonly firewall: Firewall;
  /** Where the locks of the ports are. */
  readonly runtimeDir: string;
  /** Of this host. */
  readonly address: string;
  readonly ports: PortRange;
  /** Of the machine, as sshd saw it. */
  readonly client: string;
}

/**
 * The first port that no session has, and that nobody else of this host listens on. What fails for another reason would fail on the
 * next one, too.
 * @param onLost told when the machine cannot be let in any longer
 */
export async function serveOnPort(
  host: Host,
  start: StartServer,
  way: DirectWay,
  releases: Releases,
  signal: AbortSignal,
  onLost: (reason: LuksmithError) => void,
): Promise<{ server: NbdServer; port: number }> {
  const { firewall, address, ports, client, runtimeDir } = way;
  await firewall.requireTable();
  for (let port = ports.first; port <= ports.last; port += 1) {
    signal.throwIfAborted();
    const lock = await lockPort(host.exec, runtimeDir, port);
    if (lock === undefined) continue;
    const attempt = new Releases();
    attempt.add(`unlock port ${port}`, () => lock.close());
    try {
      if (await isTaken(address, port)) {
        await attempt.run();
        continue;
      }
      const server = await serve(
        host,
        start,
        firewall,
        { address: client, port },
        { lock, address, attempt, signal, onLost },
      );
      if (server !== undefined) {
        releases.add(`give back port ${port}`, () => attempt.run());
        return { server, port };
      }
      await attempt.run();
    } catch (error) {
      // what is left of it is tried again with all else
      releases.add(`give back port ${port}`, () => attempt.run());
      throw error;
    }
  }
  throw new LuksmithError("locked", `all ports from ${ports.first} to ${ports.last} are taken`, {
    hint: "the backup host's administrator: more of them, as direct.ports",
  });
}

interface Attempt {
  readonly lock: FileHandle;
  /** Of this host. */
  readonly address: string;
  readonly attempt: Releases;
  readonly signal: AbortSignal;
  readonly onLost: (reason: LuksmithError) => void;
}

/** @returns undefined when somebody else has the port after all */
async function serve(
  host: Host,
  start: StartServer,
  firewall: Firewall,
  admission: Admission,
  { lock, address, attempt, signal, onLost }: Attempt,
): Promise<NbdServer | undefined> {
  const { port } = admission;
  let isOthers = false;
  const stopRenewing = new AbortController();
  attempt.add(`shut port ${port}`, async () => {
    stopRenewing.abort();
    // what an earlier session has let in goes by itself, and must go before its port does
    if (!isOthers) await firewall.dismiss(admission);
  });
  isOthers = !(await firewall.admit(admission));
  if (isOthers) return undefined;
  keepAdmitted(host, firewall, admission, stopRenewing.signal, onLost);
  try {
    const server = await start({ address, port }, [lock], signal);
    attempt.add("stop nbd-server", () => server.stop());
    return server;
  } catch (error) {
    if (!signal.aborted && (await isTaken(address, port))) return undefined;
    throw error;
  }
}

/** Renews the place in the firewall, from before there is a server, and looks at the firewall each time. */
function keepAdmitted(
  { clock, log }: Host,
  firewall: Firewall,
  admission: Admission,
  over: AbortSignal,
  onLost: (reason: LuksmithError) => void,
): void {
  const renew = async () => {
    for (;;) {
      await clock.sleep(renewalMs, over);
      await firewall.renew(admission);
    }
  };
  renew().catch((error: unknown) => {
    if (over.aborted) return;
    log.error({ err: error, ...admission }, "the firewall no longer lets the machine in: closing its export");
    onLost(asLuksmithError(error));
  });
}

async function isTaken(address: string, port: number): Promise<boolean> {
  const tables = await Promise.all(
    ["/proc/net/tcp", "/proc/net/tcp6"].map((path) =>
      // a host without IPv6 has but one
      readIfThere(path).then((text) => text ?? ""),
    ),
  );
  return isPortTaken(tables, address, port);
}
