/**
 * The lease on an image while it is exported: IMAGE.lease beside it, as an agent that mounts the image's directory makes it, so
 * that the two are kept apart. Whoever finds one lets the image alone until it has expired by this host's clock, then watches for a
 * sign of life, and only then takes over: by making a successor's file, IMAGE.lease.ID, exclusively, of which there can be one for
 * each lease, and moving it into its place. Sessions of this helper are kept apart by the image's lock already.
 */

import { type FileHandle, link, rename, unlink } from "node:fs/promises";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import { judgeLease, parseLease, renderLease, renewalMs, trustMs, watchMs } from "../../common/lease-file.ts";
import { formatDuration } from "../../common/units.ts";
import { uptimeMs } from "../../common/uptime.ts";
import type { Host } from "../session/host.ts";
import { isSameFile } from "../storage/file.ts";
import { at, createOwned, type ImagePlace, type Owner, removeIfSame, seenAt } from "../storage/machine-directory.ts";
import type { LeaseClaim } from "./lease-claim.ts";
import { type FoundLease, inUse, leaseName, readLease } from "./lease-place.ts";

/** One that vanishes or changes while it is looked at is looked at again, so often. */
const mostLooks = 5;
/** Of machines that died while they took over from one another. */
const longestChain = 5;
const renewalCheckMs = 1000;

export class ImageLease {
  readonly #host: Host;
  readonly #place: ImagePlace;
  readonly #owner: Owner;
  readonly #claim: LeaseClaim;
  readonly #name: string;
  readonly #takenAt: Date;
  readonly #over = new AbortController();
  /** The lease, open for as long as it is ours. */
  #file: FileHandle | undefined;
  /** By {@link uptimeMs}. */
  #renewedMs = 0;
  #keeping: Promise<void> = Promise.resolve();
  #renewing: Promise<LuksmithError | undefined> | undefined;

  /** @param place closed with the lease */
  constructor(host: Host, place: ImagePlace, owner: Owner, claim: LeaseClaim) {
    this.#host = host;
    this.#place = place;
    this.#owner = owner;
    this.#claim = claim;
    this.#name = leaseName(place.name);
    this.#takenAt = host.clock.now();
  }

  /** @throws {LuksmithError} "locked" with who has it; the signal's reason */
  async take(signal: AbortSignal): Promise<void> {
    for (let looks = 0; looks < mostLooks; looks += 1) {
      signal.throwIfAborted();
      const chain = await this.#chain();
      const last = chain.at(-1);
      if (last === undefined) {
        if (!(await this.#make(this.#name))) continue;
        await this.#sweep([]);
        return;
      }
      await this.#requireExpired(last, signal);
      if (await this.#succeed(chain, last)) return;
    }
    const there = await this.#read(this.#name);
    if (there !== undefined) throw inUse(there, "just now");
    throw new LuksmithError("tool_failed", "no lease can be written beside the image on the backup host");
  }

  /** Until it is released. @param onLost once, when it is no longer ours, or may no longer be relied on */
  keep(onLost: (reason: LuksmithError) => void): void {
    this.#keeping = this.#keep(onLost).catch((error: unknown) => {
      if (this.#over.signal.aborted) return;
      this.#host.log.error({ err: error }, "a lease is not renewed any more");
      onLost(new LuksmithError("lost", "the lease on the image cannot be renewed"));
    });
  }

  /** When nothing uses the image any more. What somebody else has by now is left to them. */
  async release(): Promise<void> {
    this.#over.abort();
    await this.#keeping;
    // what it has under way must not be done when somebody else has the lease
    await this.#renewing;
    const file = this.#file;
    if (file !== undefined) {
      if ((await this.#whyNotOurs(file)) === undefined) await removeIfSame(this.#place, this.#name, file);
      this.#file = undefined;
      await file.close();
    }
    await this.#place.directory.close();
  }

  #read(name: string): Promise<FoundLease | undefined> {
    return readLease(this.#place, name, this.#owner);
  }

  /** The lease, and those who began to take it over and did not come to the end of it. */
  async #chain(): Promise<FoundLease[]> {
    const chain: FoundLease[] = [];
    for (let name = this.#name; chain.length < longestChain; name = `${this.#name}.${chain.at(-1)?.id}`) {
      const found = await this.#read(name);
      if (found === undefined) return chain;
      chain.push(found);
    }
    return chain;
  }

  async #requireExpired(found: FoundLease, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#host;
    if (found.token !== undefined && this.#claim.ownTokens.includes(found.token)) return;
    const verdict = judgeLease(found.writtenSeconds, clock.now().getTime() / 1000, found.leaseMs);
    if (verdict.state === "valid") throw inUse(found, `for another ${formatDuration(verdict.forMs)}`);
    // one that is dated in the future may have been renewed just now, whenever that was
    const forMs = verdict.state === "expired" ? watchMs(found.leaseMs) : found.leaseMs;
    log.info({ owner: found.owner, forMs }, "watching an expired lease for a sign of life");
    await clock.sleep(forMs, signal);
    const now = await this.#read(found.name);
    const isDead = now === undefined || (now.id === found.id && now.writtenSeconds === found.writtenSeconds);
    if (!isDead) throw inUse(found, "and renews it");
  }

  /** @returns false when somebody else was faster */
  async #succeed(chain: readonly FoundLease[], last: FoundLease): Promise<boolean> {
    const successor = `${this.#name}.${last.id}`;
    if (!(await this.#make(successor))) return false;
    const file = this.#file;
    if (file === undefined) return false;
    const now = await this.#read(last.name);
    const isSame = now?.id === last.id && now.writtenSeconds === last.writtenSeconds;
    if (isSame) await rename(at(this.#place, successor), at(this.#place, this.#name));
    else await removeIfSame(this.#place, successor, file);
    const isTaken = isSame && (await this.#whyNotOurs(file)) === undefined;
    if (!isTaken) {
      this.#file = undefined;
      await file.close();
      return false;
    }
    await this.#sweep(chain.slice(1).map(({ name }) => name));
    this.#host.log.info({ owner: last.owner }, "took over a lease");
    return true;
  }

  /** What those of this machine have left that were killed while they took it. */
  async #sweep(names: readonly string[]): Promise<void> {
    const probes = this.#claim.ownTokens.map((token) => this.#probe(token));
    await Promise.all([...names, ...probes].map((name) => this.#remove(name)));
  }

  /** A name that no lease and no successor has: an agent asks for the host's time under it, and we write there. */
  #probe(token: string): string {
    return `${this.#name}.now-${token}`;
  }

  async #remove(name: string): Promise<void> {
    await unlink(at(this.#place, name)).catch((error: unknown) => {
      if (!hasErrno(error, "ENOENT")) this.#host.log.warn({ err: error }, "what is left of a lease cannot be removed");
    });
  }

  /**
   * Written under a name of its own first, and given the other when it is whole: one that a killed helper had not written yet would be
   * nobody's, and in everybody's way.
   * @returns false when there is something of that name
   */
  async #make(name: string): Promise<boolean> {
    const beganMs = await uptimeMs();
    const fresh = this.#probe(this.#claim.token);
    await this.#remove(fresh);
    const file = await createOwned(this.#place, fresh, this.#owner);
    if (file === undefined) return false;
    try {
      await this.#write(file);
      // link(2) puts nothing in the place of what is there
      await link(at(this.#place, fresh), at(this.#place, name));
    } catch (error) {
      await file.close();
      if (hasErrno(error, "EEXIST")) return false;
      throw error;
    } finally {
      await this.#remove(fresh);
    }
    this.#file = file;
    this.#renewedMs = beganMs;
    return true;
  }

  async #write(file: FileHandle): Promise<void> {
    const { token, machine, run, leaseMs } = this.#claim;
    const expiresAt = new Date(this.#host.clock.now().getTime() + leaseMs);
    const text = renderLease({
      format: 1,
      ...{ token, machine, run, leaseMs },
      takenAt: this.#takenAt.toISOString(),
      expiresAt: expiresAt.toISOString(),
    });
    await file.write(text, 0);
  }

  async #keep(onLost: (reason: LuksmithError) => void): Promise<void> {
    const { clock } = this.#host;
    const { leaseMs } = this.#claim;
    const { signal } = this.#over;
    const pauseMs = Math.min(renewalCheckMs, renewalMs(leaseMs) / 4);
    for (;;) {
      await clock.sleep(pauseMs, signal);
      const nowMs = await uptimeMs();
      const sinceMs = nowMs - this.#renewedMs;
      if (sinceMs > trustMs(leaseMs)) {
        const late = `the lease on the image could not be renewed for ${formatDuration(sinceMs)}`;
        return onLost(new LuksmithError("lost", `${late}: another machine may take it over`));
      }
      if (sinceMs < renewalMs(leaseMs)) continue;
      // storage that hangs must not keep us from noticing that others may have it by then
      this.#renewing ??= this.#renew(nowMs)
        .catch((error: unknown) => {
          this.#host.log.warn({ err: error }, "a lease could not be renewed; trying again");
          return undefined;
        })
        .finally(() => {
          this.#renewing = undefined;
        });
      const lost = await Promise.race([this.#renewing, clock.sleep(pauseMs, signal)]);
      if (lost !== undefined) return onLost(lost);
    }
  }

  /** @returns why it is ours no longer, if it is not */
  async #renew(nowMs: number): Promise<LuksmithError | undefined> {
    const file = this.#file;
    if (file === undefined) return undefined;
    const why = await this.#whyNotOurs(file);
    if (why !== undefined) return new LuksmithError("lost", `the lease on the image ${why}`);
    await this.#write(file);
    this.#renewedMs = nowMs;
    return undefined;
  }

  async #whyNotOurs(file: FileHandle): Promise<string | undefined> {
    const found = await seenAt(this.#place, this.#name);
    if (found === undefined) return "has been removed";
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
    const { token } = parseLease(buffer.toString("utf8", 0, bytesRead), 0);
    if (isSameFile(found, await file.stat()) && token === this.#claim.token) return undefined;
    return `has been taken by ${(await this.#read(this.#name))?.owner ?? "somebody else"}`;
  }
}
