/**
 * The configuration of an nbd-server that serves one image to one client: rendered from values, each of which is checked here to
 * be unable to end its line or mean anything else there. Pure. Source: nbd-server(5); GLib's key files, whose escapes begin
 * with a backslash.
 */

import { LuksmithError } from "../../common/errors.ts";
import { isAddress, isPort } from "../config/network.ts";

/** Where it listens: never on both, since `duallisten` is left out. */
export type Listen =
  | { readonly unixSocket: string }
  /** An address of this host, not a name. */
  | { readonly address: string; readonly port: number };

export interface NbdExport {
  readonly listen: Listen;
  /** What a client has to ask for. */
  readonly name: string;
  /** The descriptor under which nbd-server has the image open: a path could be exchanged, an open file cannot. */
  readonly fd: number;
  readonly readOnly: boolean;
}

const wordPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const pathPattern = /^\/[A-Za-z0-9/_.@=-]{1,106}$/;

/** @throws {LuksmithError} "internal" for a value that could break out of its line */
export function renderNbdConfig({ listen, name, fd, readOnly }: NbdExport): string {
  // the one section that is not an export
  if (!wordPattern.test(name) || name === "generic") throw unfit("the name of an export", name);
  if (!Number.isSafeInteger(fd) || fd < 0) throw unfit("a file descriptor", fd);
  const lines = [
    "[generic]",
    ...listenLines(listen),
    "allowlist = false",
    "",
    `[${name}]`,
    `exportname = /proc/self/fd/${fd}`,
    `readonly = ${readOnly}`,
    // all three are off unless they are set
    `trim = ${!readOnly}`,
    "flush = true",
    "fua = true",
    "maxconnections = 1",
  ];
  return `${lines.join("\n")}\n`;
}

function listenLines(listen: Listen): string[] {
  if ("unixSocket" in listen) {
    if (!pathPattern.test(listen.unixSocket)) throw unfit("the path of a socket", listen.unixSocket);
    return [`unixsock = ${listen.unixSocket}`];
  }
  const { address, port } = listen;
  if (!isAddress(address)) throw unfit("an address", address);
  if (!isPort(port)) throw unfit("a port", port);
  return [`listenaddr = ${address}`, `port = ${port}`];
}

function unfit(what: string, value: unknown): LuksmithError {
  return new LuksmithError("internal", `${what} cannot stand in nbd-server's configuration`, { cause: value });
}
