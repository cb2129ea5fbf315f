/** The two calls into the C library that Node has no way of its own for. Loaded when the agent starts to listen. */

import { constants } from "node:os";
import { errno, type KoffiFunc, load } from "koffi";
import { LuksmithError } from "../../common/errors.ts";
import type { PeerCredentials } from "./peer-credentials.ts";

export interface Libc {
  /** Who connected to a Unix socket, as the kernel says (unix(7), SO_PEERCRED). @throws when it does not say */
  peerCredentials(fd: number): PeerCredentials;
  /**
   * Takes an exclusive lock on an open file for as long as it is open (flock(2)); the kernel lets go of it when the
   * process ends, however it ends.
   * @returns false when somebody else holds it
   */
  tryLock(fd: number): boolean;
}

/** Of asm-generic/socket.h, which x86-64 and arm64 use; some others do not. */
const solSocket = 1;
const soPeercred = 17;
const knownArchitectures: readonly string[] = ["x64", "arm64"];
/** struct ucred { pid_t pid; uid_t uid; gid_t gid; } (unix(7)). */
const ucredBytes = 12;
/** (uid_t) -1 is no user (credentials(7)). */
const nobodyAtAll = 2 ** 32 - 1;
/** flock(2). */
const lockExclusive = 2;
const lockNonBlocking = 4;

/** @throws {LuksmithError} "internal" on a platform whose numbers we do not know: no identity, no service */
export function openLibc(): Libc {
  if (process.platform !== "linux" || !knownArchitectures.includes(process.arch)) {
    throw new LuksmithError("internal", `the agent does not run on ${process.platform}/${process.arch}`, {
      hint: `it runs on linux: ${knownArchitectures.join(", ")}`,
    });
  }
  // null: what this process is linked with already, be it glibc or musl
  const library = load(null);
  const getsockopt: KoffiFunc<(fd: number, level: number, name: number, value: Buffer, length: Uint32Array) => number> =
    library.func("int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)");
  const flock: KoffiFunc<(fd: number, operation: number) => number> = library.func("int flock(int fd, int operation)");

  return {
    peerCredentials(fd) {
      const value = Buffer.alloc(ucredBytes);
      const length = Uint32Array.of(ucredBytes);
      if (getsockopt(fd, solSocket, soPeercred, value, length) !== 0 || length[0] !== ucredBytes) {
        throw new LuksmithError("denied", "the kernel did not say who is calling");
      }
      const credentials = { pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) };
      // what a socket has that nobody connected to (net/core/sock.c: cred_to_ucred)
      if (credentials.uid === nobodyAtAll) throw new LuksmithError("denied", "the kernel did not say who is calling");
      return credentials;
    },
    tryLock(fd) {
      if (flock(fd, lockExclusive | lockNonBlocking) === 0) return true;
      const code = errno();
      if (code === constants.errno.EWOULDBLOCK) return false;
      throw new LuksmithError("internal", "the lock of the socket could not be taken", {
        cause: new Error(`flock: errno ${code}`),
      });
    },
  };
}
