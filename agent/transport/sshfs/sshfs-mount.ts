/** A directory of the backup host, mounted by sshfs so that nothing in it can lead anywhere else. */

import { allOrFirstError } from "../../../common/all-settled.ts";
import { LuksmithError } from "../../../common/errors.ts";
import type { Child } from "../../../common/exec.ts";
import { waitUntil } from "../../../common/wait-until.ts";
import type { RemoteConfig } from "../../config/remote.ts";
import { sshAlias } from "../../remote/ssh-config.ts";
import { writeSshConfig } from "../../remote/ssh-config-file.ts";
import { connectionEnded, sshFailure } from "../../remote/ssh-failure.ts";
import { explainSshFailure } from "../../remote/trust.ts";
import { foreignMount } from "../../stack/held.ts";
import type { StackNames } from "../../stack/names.ts";
import type { IoState } from "../../stack/stall-meter.ts";
import type { Host } from "../../system/host.ts";
import { mountedAt } from "../../system/mountinfo.ts";
import { bytesRead } from "../../system/process-io.ts";
import { remountFlags, unmount } from "../../tools/mount.ts";
import { type RemoteStat, statRemote } from "../../tools/remote-file.ts";
import { startSshfs } from "../../tools/sshfs.ts";
import { abortFuse, waitingRequests, widenFuse } from "./fuse-connection.ts";

/** A healthy sshfs lets go at once; what takes longer waits for a host that does not answer. */
const politeUnmountMs = 5000;
const exitDeadlineMs = 5000;
/** Beyond ssh's own ConnectTimeout: key exchange, authentication, SFTP's greeting on a slow link. */
const connectExtraMs = 40_000;
/** For what was begun while connecting, when it is not to be ended half done. */
const cutShortMs = 2000;

/** A mount that stands. */
export interface Mounted {
  /** "major:minor" of the mount, which every file on it must show. */
  readonly device: string;
  /** Aborted with a LuksmithError "lost" or "stalled" when the connection is gone. */
  readonly lost: AbortSignal;
}

export class SshfsMount {
  readonly #host: Host;
  readonly #names: StackNames;
  readonly #lost = new AbortController();
  #child: Child | undefined;
  /** "major:minor" of the mount; "" before it was there. */
  #device = "";
  /** What it said, once it has ended. */
  #ended: string | undefined;

  constructor(host: Host, names: StackNames) {
    this.#host = host;
    this.#names = names;
  }

  /**
   * Mounts the remote's directory and looks at the image. The release must be registered before.
   *
   * The mount stands before ssh has connected; only the answer to the first question says that the host is there and
   * lets us in. Until then every failure is one to connect, and sshfs' last words say why.
   * @param unbuffered see {@link startSshfs}
   * @param onMounted called as soon as it can be lost; the image is looked at when it has resolved
   * @param beside also waits for the host's first answer, and follows no link
   * @throws {LuksmithError} "unreachable" with the reason; for a host key that is not trusted, both fingerprints
   */
  async connect(
    remote: RemoteConfig,
    imagePath: string,
    unbuffered: boolean,
    onMounted: (mounted: Mounted) => Promise<void>,
    beside: (signal: AbortSignal) => Promise<unknown>,
    signal: AbortSignal,
  ): Promise<{ mounted: Mounted; image: RemoteStat | undefined }> {
    const { clock, exec } = this.#host;
    const patience = AbortSignal.timeout(remote.connectTimeoutMs + connectExtraMs);
    try {
      const mounted = await this.#mount(remote, unbuffered, AbortSignal.any([signal, patience]));
      await onMounted(mounted);
      const inTime = AbortSignal.any([signal, mounted.lost, patience]);
      // all wait for the host's first answer; a look at the image itself follows no link
      const [image] = await this.#breakingWhenLate(inTime, () =>
        allOrFirstError(statRemote(exec, imagePath, inTime), this.#confine(inTime), beside(inTime)),
      );
      // FUSE's own greeting came before that answer, and with it the kernel has set the read-ahead back to its default
      await widenFuse(mounted.device);
      return { mounted, image };
    } catch (error) {
      signal.throwIfAborted();
      if (patience.aborted) throw sshFailure(remote, "timed out");
      // the mount fails a moment before its sshfs is gone
      await waitUntil(clock, exitDeadlineMs, () => this.#ended !== undefined, signal);
      throw this.#ended === undefined ? error : await explainSshFailure(this.#host, remote, this.#ended, signal);
    }
  }

  /** What waits on the mount cannot be killed: when it is not to go on, it gets a moment, and then an error. */
  async #breakingWhenLate<T>(inTime: AbortSignal, work: () => Promise<T>): Promise<T> {
    const { clock, log } = this.#host;
    const done = new AbortController();
    const breakSoon = () =>
      clock.sleep(cutShortMs, done.signal).then(
        () => this.break().catch((error: unknown) => log.error({ err: error }, "could not break the mount")),
        () => undefined,
      );
    inTime.addEventListener("abort", breakSoon, { signal: done.signal, once: true });
    try {
      return await work();
    } finally {
      done.abort();
    }
  }

  async #mount(remote: RemoteConfig, unbuffered: boolean, signal: AbortSignal): Promise<Mounted> {
    const { start, clock } = this.#host;
    const { remoteDir, fsname, sshConfigFile } = this.#names;
    await writeSshConfig(this.#host, remote, sshConfigFile);

    signal.throwIfAborted();
    const child = startSshfs(start, {
      alias: sshAlias(remote),
      sshConfigFile,
      path: remote.path,
      mountPoint: remoteDir,
      fsname,
      unbuffered,
    });
    this.#child = child;
    const onEnd = (said: string) => {
      this.#ended = said;
      this.#lost.abort(connectionEnded(remote, said));
    };
    void child.finished.then(
      ({ stderr }) => onEnd(stderr),
      (error: unknown) => onEnd(String(error)),
    );

    const settled = async () => this.#ended !== undefined || (await mountedAt(remoteDir))?.source === fsname;
    await waitUntil(clock, remote.connectTimeoutMs + connectExtraMs, settled, signal);
    const mount = await mountedAt(remoteDir);
    this.#device = mount?.source === fsname ? mount.device : "";
    if (this.#device !== "") await widenFuse(this.#device);
    return { device: this.#device, lost: this.#lost.signal };
  }

  /** Nothing on the mount can lead anywhere else, or become a device or another user's program. */
  async #confine(signal: AbortSignal): Promise<void> {
    const { remoteDir } = this.#names;
    const flags = ["nosymfollow", "nosuid", "nodev"];
    await remountFlags(this.#host.exec, remoteDir, flags, signal);
    const mount = await mountedAt(remoteDir);
    const missing = flags.filter((flag) => !mount?.options.has(flag));
    if (missing.length === 0) return;
    throw new LuksmithError("tool_failed", `the kernel did not set ${missing.join(", ")} on the sshfs mount`, {
      hint: "luksmith doctor",
    });
  }

  /** Unmounts, and ends sshfs and its ssh; breaks the FUSE connection when they hang. */
  async release(): Promise<void> {
    const { exec, clock } = this.#host;
    const { remoteDir, fsname } = this.#names;
    const gone = async () => (await mountedAt(remoteDir)) === undefined;
    const there = await mountedAt(remoteDir);
    if (there !== undefined && there.source !== fsname) throw foreignMount(remoteDir);
    if (!(await gone())) {
      await unmount(exec, remoteDir, politeUnmountMs).catch((error: unknown) => {
        this.#host.log.warn({ err: error, volume: this.#names.volume }, "sshfs does not unmount: breaking it");
      });
    }
    if (this.#device !== "" && (await gone())) {
      // without its mount it ends by itself, after the last bytes have left
      await waitUntil(clock, exitDeadlineMs, () => this.#child === undefined || this.#ended !== undefined);
    }
    await this.#child?.stop();
    await this.break();
    if (!(await waitUntil(clock, exitDeadlineMs, gone))) {
      throw new LuksmithError("tool_failed", `${remoteDir} is still mounted`, { hint: "luksmith doctor" });
    }
    this.#child = undefined;
    this.#device = "";
  }

  /** What is waited for, and what has come back: of sshfs that is what it reads from ssh. */
  async look(): Promise<IoState | "gone"> {
    const mount = await mountedAt(this.#names.remoteDir);
    if (mount?.device !== this.#device) return "gone";
    const [waiting, read] = await Promise.all([waitingRequests(this.#device), bytesRead(this.#child?.pid ?? 0)]);
    return { pending: waiting > 0, progress: `${read}` };
  }

  /** The connection is of no more use, for a reason that those who work over it are told: {@link Mounted.lost}. */
  async fail(reason: LuksmithError): Promise<void> {
    this.#lost.abort(reason);
    await this.break();
  }

  /** Makes everything that waits on the mount fail now. */
  async break(): Promise<void> {
    const { exec } = this.#host;
    const there = await mountedAt(this.#names.remoteDir);
    const device = there?.source === this.#names.fsname ? there.device : undefined;
    // ours may have been detached from the tree and be in use still, and what is there now be a later one's
    const isOurs = this.#device === "" || device === this.#device;
    const connection = isOurs ? device : this.#device;
    // first of all, because it cannot hang: whatever waits on the connection, sshfs itself included, gets an error
    if (connection !== undefined) await abortFuse(connection);
    await this.#child?.stop();
    if (isOurs && device !== undefined) await unmount(exec, this.#names.remoteDir, politeUnmountMs, "lazy");
  }
}
