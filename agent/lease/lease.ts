/**
 * The lease on an image: a file beside it, IMAGE.lease, that the machine which has it attached makes exclusively, renews, and
 * removes at last. Whoever finds one lets the image alone until it has expired by the host's clock, then watches for a sign of
 * life, and only then takes over: by making a successor's file, IMAGE.lease.ID, exclusively, of which there can be one for each
 * lease, and moving it into its place. A machine that could not renew its own in time gives the image up before others may.
 */

import { randomUUID } from "node:crypto";
import { pause } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import {
  type ForeignLease,
  judgeLease,
  parseLease,
  renderLease,
  renewalMs,
  trustMs,
  watchMs,
} from "../../common/lease-file.ts";
import { formatDuration } from "../../common/units.ts";
import { uptimeMs } from "../../common/uptime.ts";
import { waitUntil } from "../../common/wait-until.ts";
import type { Host } from "../system/host.ts";
import { orphanedSends } from "../system/orphaned-sends.ts";
import {
  createExclusively,
  moveRemoteFile,
  overwrite,
  readRemoteFile,
  removeRemoteFiles,
} from "../tools/remote-file.ts";
import { LeaseTokens, machineName } from "./lease-tokens.ts";

const leaseSuffix = ".lease";
/** One that vanishes or changes while it is looked at is looked at again, so often. */
const mostLooks = 5;
/** Of machines that died while they took over from one another. */
const longestChain = 5;
const renewalCheckMs = 1000;
/** The kernel gives up a connection without a program in less (Documentation/networking/ip-sysctl.rst, tcp_orphan_retries). */
const quietDeadlineMs = 4 * 60_000;

export interface LeaseSpec {
  readonly volume: string;
  /** Of the image on the mount. */
  readonly imagePath: string;
  readonly leaseMs: number;
  readonly run: string;
  /** The backup host's name, and where its sshd listens. */
  readonly remote: string;
  readonly port: number;
}

interface Found extends ForeignLease {
  readonly path: string;
  readonly writtenSeconds: number;
}

export class Lease {
  readonly #host: Host;
  readonly #spec: LeaseSpec;
  readonly #path: string;
  readonly #token = randomUUID();
  readonly #takenAt: Date;
  readonly #over = new AbortController();
  #ours: readonly string[] = [];
  #held = false;
  /** Something of it may be on the host. */
  #isBegun = false;
  /** The file by which another's lease is being taken over. */
  #successor: string | undefined;
  #beingRenewed: Promise<unknown> = Promise.resolve();
  /** Whether it is still ours, from a look before the release. */
  #seen: Promise<boolean> | undefined;
  /** By {@link uptimeMs}. */
  #renewedMs = 0;
  #renewing: Promise<void> = Promise.resolve();

  constructor(host: Host, spec: LeaseSpec) {
    this.#host = host;
    this.#spec = spec;
    this.#path = `${spec.imagePath}${leaseSuffix}`;
    this.#takenAt = host.clock.now();
  }

  /** Before anything is written on the host: should this machine lose its power, it will know the lease again. */
  async prepare(): Promise<void> {
    this.#ours = await new LeaseTokens(this.#host, this.#spec.volume).announce(this.#token);
  }

  /** The usual case, in which nobody has it. To be called when {@link prepare} is done. @returns whether it is ours now */
  async tryTake(signal: AbortSignal): Promise<boolean> {
    const beganMs = await uptimeMs();
    this.#isBegun = true;
    signal.throwIfAborted();
    // not to be cut short between its making and its writing: an empty one is nobody's
    this.#held = await createExclusively(this.#host.exec, this.#path, this.#content());
    this.#renewedMs = beganMs;
    return this.#held;
  }

  /**
   * The other case: somebody has it, had it, or it cannot be made. The mount must be confined.
   * @param note told what is waited for and what came of it
   * @throws {LuksmithError} "locked" with who has it, "tool_failed" when no file can be made there
   */
  async take(note: (message: string) => void, signal: AbortSignal): Promise<void> {
    for (let looks = 0; looks < mostLooks; looks += 1) {
      const chain = await this.#chain(signal);
      const [first] = chain;
      if (first === undefined) {
        if (await this.tryTake(signal)) return;
        continue;
      }
      const last = chain.at(-1) ?? first;
      await this.#requireExpired(last, note, signal);
      if (await this.#succeed(chain, last, signal)) {
        await this.#sweep(signal);
        note(
          this.#ours.includes(last.token ?? "")
            ? "took back the lease that an interrupted run of this machine left"
            : `took over the expired lease of ${last.owner}`,
        );
        return;
      }
    }
    throw await this.#cannotBeMade(signal);
  }

  /** Until it is released. @param onLost when it is no longer ours, or may no longer be relied on */
  keep(isBusy: () => boolean, onLost: (reason: LuksmithError) => Promise<void>): void {
    if (!this.#held) return;
    this.#renewing = this.#renew(isBusy, onLost).catch((error: unknown) =>
      this.#host.log.error({ err: error, volume: this.#spec.volume }, "the lease is not renewed any more"),
    );
  }

  /** It is not renewed any more, and nobody is told any more what becomes of it. */
  async stopRenewing(): Promise<void> {
    this.#over.abort();
    await this.#renewing;
    // what it has under way must not be done when somebody else has the lease
    await this.#beingRenewed.catch(() => undefined);
  }

  /** Begins to look whether it is still ours, so that {@link release} need not wait for that. */
  lookAhead(signal: AbortSignal): void {
    if (!this.#held) return;
    this.#seen = this.#isOurs(this.#path, signal);
    this.#seen.catch(() => undefined);
  }

  /** When the image is not used any more, and the mount still is there. What somebody else has by now is left to them. */
  async release(signal: AbortSignal): Promise<void> {
    await this.stopRenewing();
    if (!this.#isBegun) return;
    const paths: string[] = [];
    if (await (this.#seen ?? this.#isOurs(this.#path, signal))) paths.push(this.#path);
    if (!this.#held) {
      // a run that was ended while it took the lease may have left more than that
      paths.push(this.#probe(this.#token));
      if (this.#successor !== undefined && (await this.#isOurs(this.#successor, signal))) paths.push(this.#successor);
    }
    this.#held = false;
    if (paths.length > 0) await removeRemoteFiles(this.#host.exec, paths, signal);
  }

  async #isOurs(path: string, signal: AbortSignal): Promise<boolean> {
    return (await this.#read(path, signal))?.token === this.#token;
  }

  #content(): string {
    const { leaseMs, run } = this.#spec;
    const expiresAt = new Date(this.#host.clock.now().getTime() + leaseMs);
    return renderLease({
      format: 1,
      token: this.#token,
      machine: machineName(),
      run,
      leaseMs,
      takenAt: this.#takenAt.toISOString(),
      expiresAt: expiresAt.toISOString(),
    });
  }

  async #read(path: string, signal: AbortSignal): Promise<Found | undefined> {
    const file = await readRemoteFile(this.#host.exec, path, signal);
    if (file === undefined) return undefined;
    return { ...parseLease(file.text, file.writtenSeconds), path, writtenSeconds: file.writtenSeconds };
  }

  /** The lease, and those who began to take it over and did not come to the end of it. */
  async #chain(signal: AbortSignal): Promise<Found[]> {
    const chain: Found[] = [];
    for (let path = this.#path; chain.length < longestChain; path = `${this.#path}.${chain.at(-1)?.id}`) {
      const found = await this.#read(path, signal);
      if (found === undefined) return chain;
      chain.push(found);
    }
    return chain;
  }

  async #requireExpired(found: Found, note: (message: string) => void, signal: AbortSignal): Promise<void> {
    if (found.token !== undefined && this.#ours.includes(found.token)) {
      await this.#requireQuiet(note, signal);
      return;
    }
    const verdict = judgeLease(found.writtenSeconds, await this.#hostNowSeconds(signal), found.leaseMs);
    if (verdict.state === "valid") throw this.#locked(found, `for another ${formatDuration(verdict.forMs)}`);
    const forMs = verdict.state === "expired" ? watchMs(found.leaseMs) : found.leaseMs;
    const why =
      verdict.state === "expired"
        ? `expired ${formatDuration(verdict.sinceMs)} ago`
        : "is dated in the future of the backup host's clock";
    note(`the lease of ${found.owner} ${why}: watching for a sign of life for ${formatDuration(forMs)}`);
    await this.#host.clock.sleep(forMs, signal);
    const now = await this.#read(found.path, signal);
    const isDead = now === undefined || (now.id === found.id && now.writtenSeconds === found.writtenSeconds);
    if (!isDead) throw this.#locked(found, "and renews it");
  }

  /**
   * What our own interrupted run had still to send may be on its way: in the kernel, long after its programs have ended, and to
   * be written after the next run has begun.
   */
  async #requireQuiet(note: (message: string) => void, signal: AbortSignal): Promise<void> {
    const { clock } = this.#host;
    const { port, remote } = this.#spec;
    // ours are among them; those of others that come later are nothing to wait for
    const known = await orphanedSends(port);
    const isQuiet = async () => {
      const now = await orphanedSends(port);
      return !known.some((one) => now.includes(one));
    };
    if (known.length === 0) return;
    note("waiting until what an interrupted run had still to send has arrived, or been given up");
    if (await waitUntil(clock, quietDeadlineMs, isQuiet, signal)) return;
    throw new LuksmithError("lost", `what an interrupted run had still to send to ${remote} does not get there`, {
      hint: `ss --tcp state fin-wait-1 dport = :${port}`,
    });
  }

  /** What runs of this machine that were killed while they took the lease may have left. */
  async #sweep(signal: AbortSignal): Promise<void> {
    const probes = this.#ours.map((token) => this.#probe(token));
    if (probes.length > 0) await removeRemoteFiles(this.#host.exec, probes, signal);
  }

  #probe(token: string): string {
    return `${this.#path}.now-${token}`;
  }

  /** What the host's clock says, which is what its files are dated by. */
  async #hostNowSeconds(signal: AbortSignal): Promise<number> {
    const { exec } = this.#host;
    const probe = this.#probe(this.#token);
    this.#isBegun = true;
    try {
      if (!(await createExclusively(exec, probe, ""))) throw await this.#cannotBeMade(signal);
      return (await readRemoteFile(exec, probe, signal))?.writtenSeconds ?? 0;
    } finally {
      await removeRemoteFiles(exec, [probe]).catch(() => undefined);
    }
  }

  /** @returns false when somebody else was faster */
  async #succeed(chain: readonly Found[], last: Found, signal: AbortSignal): Promise<boolean> {
    const { exec } = this.#host;
    const successor = `${this.#path}.${last.id}`;
    const beganMs = await uptimeMs();
    this.#isBegun = true;
    this.#successor = successor;
    if (!(await createExclusively(exec, successor, this.#content()))) return false;
    const now = await this.#read(last.path, signal);
    const isSame = now?.id === last.id && now.writtenSeconds === last.writtenSeconds;
    const isInTime = (await uptimeMs()) - beganMs < trustMs(this.#spec.leaseMs);
    if (!isSame || !isInTime) {
      await removeRemoteFiles(exec, [successor], signal);
      return false;
    }
    await moveRemoteFile(exec, successor, this.#path, signal);
    const others = chain.slice(1).map(({ path }) => path);
    if (others.length > 0) await removeRemoteFiles(exec, others, signal);
    if ((await this.#read(this.#path, signal))?.token !== this.#token) return false;
    this.#held = true;
    this.#renewedMs = beganMs;
    return true;
  }

  async #renew(isBusy: () => boolean, onLost: (reason: LuksmithError) => Promise<void>): Promise<void> {
    const { clock, log } = this.#host;
    const { leaseMs, volume } = this.#spec;
    const { signal } = this.#over;
    const pauseMs = Math.min(renewalCheckMs, renewalMs(leaseMs) / 4);
    while (!signal.aborted) {
      await pause(clock, pauseMs, signal);
      if (signal.aborted) return;
      const sinceMs = (await uptimeMs()) - this.#renewedMs;
      if (sinceMs > trustMs(leaseMs)) {
        const late = `the lease on the image could not be renewed for ${formatDuration(sinceMs)}`;
        return onLost(new LuksmithError("lost", `${late}: another machine may take it over`));
      }
      // what the host already owes an answer to comes first
      if (sinceMs < renewalMs(leaseMs) || isBusy()) continue;
      const beganMs = await uptimeMs();
      const renewing = this.#renewOnce(signal);
      this.#beingRenewed = renewing;
      renewing.catch(() => undefined);
      const tooLate = new AbortController();
      try {
        // a host that falls silent now must not keep us from noticing that others may have it by then
        const late = clock.sleep(trustMs(leaseMs) - sinceMs, AbortSignal.any([signal, tooLate.signal]));
        const lost = await Promise.race([renewing, late.then(() => "late" as const)]);
        if (lost === "late") continue;
        if (lost !== undefined) return onLost(lost);
        this.#renewedMs = beganMs;
      } catch (error) {
        if (!signal.aborted) log.warn({ err: error, volume }, "the lease could not be renewed; trying again");
      } finally {
        tooLate.abort();
      }
    }
  }

  /** @returns why it is ours no longer, if it is not */
  async #renewOnce(signal: AbortSignal): Promise<LuksmithError | undefined> {
    const found = await this.#read(this.#path, signal);
    if (found?.token === this.#token) {
      await overwrite(this.#host.exec, this.#path, this.#content(), signal);
      return undefined;
    }
    const by = found === undefined ? "has been removed" : `has been taken by ${found.owner}`;
    return new LuksmithError("lost", `the lease on the image ${by}: nothing more is written to it`);
  }

  #locked(found: Found, how: string): LuksmithError {
    return new LuksmithError(
      "locked",
      `the image of volume ${this.#spec.volume} is in use: ${found.owner} has it ${how}`,
      {
        hint: "wait until it is done there; a lease whose machine is gone expires by itself",
      },
    );
  }

  async #cannotBeMade(signal: AbortSignal): Promise<LuksmithError> {
    const there = await this.#read(this.#path, signal);
    if (there !== undefined) return this.#locked(there, "just now");
    return new LuksmithError("tool_failed", "no lease can be written beside the image on the backup host", {
      hint: "the directory must be writable for the user that luksmith logs in as, and have room",
    });
  }
}
