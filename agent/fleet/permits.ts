/**
 * Permits to begin what a schedule wants: the controller gives out so many at a time. It is asked and waited for while it is there; when it
 * has been away for a while, the machine goes on without, since a backup that is not made protects nobody.
 */

import type { Clock } from "../../common/clock.ts";
import type { PermitGrant, PermitRequest } from "../../proto/gen/luksmith/v1/fleet.ts";
import type { Permit } from "../schedule/scheduler.ts";
import type { Link } from "./link.ts";

/** Longer than a controller takes to be started anew, and its machines to come back. */
const withoutAfterMs = 5 * 60_000;

/** A controller that has been away for so long knows by the runs which of its permits are free. */
const mostReturns = 1000;

interface Waiting {
  readonly request: PermitRequest;
  readonly grant: () => void;
}

export class Permits {
  readonly #clock: Clock;
  readonly #backupHostOf: (volume: string) => string;
  readonly #waiting = new Map<string, Waiting>();
  /** What is to be told when the controller is there again. */
  readonly #returns = new Map<string, PermitRequest>();
  #link: Link | undefined;

  constructor(clock: Clock, backupHostOf: (volume: string) => string) {
    this.#clock = clock;
    this.#backupHostOf = backupHostOf;
  }

  /** Whoever waited over an earlier stream asks again. */
  async connected(link: Link): Promise<void> {
    this.#link = link;
    for (const [key, value] of [...this.#returns]) {
      await link.send({ $case: "permitReturn", value });
      this.#returns.delete(key);
    }
    for (const { request } of [...this.#waiting.values()]) await link.send({ $case: "permitRequest", value: request });
  }

  granted(grant: PermitGrant): void {
    this.#waiting.get(keyOf(grant))?.grant();
  }

  /** For the scheduler. */
  readonly ask: Permit = async ({ schedule, job, volume, moment }, signal) => {
    signal.throwIfAborted();
    const request = { schedule, occurrence: moment, job, volume, backupHost: this.#backupHostOf(volume) };
    const key = keyOf(request);
    const granted = Promise.withResolvers<void>();
    this.#waiting.set(key, { request, grant: granted.resolve });
    this.#returns.delete(key);
    const over = new AbortController();
    const ended = AbortSignal.any([signal, over.signal]);
    try {
      this.#say({ $case: "permitRequest", value: request });
      await Promise.race([granted.promise, this.#goesWithout(ended)]);
    } catch (error) {
      // it may have been given just now
      this.#giveBack(key, request);
      throw error;
    } finally {
      over.abort();
      this.#waiting.delete(key);
    }
    return () => this.#giveBack(key, request);
  };

  /** Resolves when the controller has been away for so long. @throws the signal's reason */
  async #goesWithout(signal: AbortSignal): Promise<void> {
    for (;;) {
      const link = this.#link;
      if (link !== undefined && !link.gone.aborted) {
        await untilAborted(AbortSignal.any([link.gone, signal]));
        signal.throwIfAborted();
      }
      await this.#clock.sleep(withoutAfterMs, signal);
      if (this.#link === link || this.#link?.gone.aborted) return;
    }
  }

  #giveBack(key: string, request: PermitRequest): void {
    this.#returns.set(key, request);
    const [oldest] = this.#returns.keys();
    if (this.#returns.size > mostReturns && oldest !== undefined) this.#returns.delete(oldest);
    this.#say({ $case: "permitReturn", value: request }, () => this.#returns.delete(key));
  }

  #say(said: Parameters<Link["send"]>[0], then: () => void = () => undefined): void {
    const link = this.#link;
    if (link === undefined || link.gone.aborted) return;
    link.send(said).then(then, () => undefined);
  }
}

function keyOf({ schedule, occurrence, job, volume }: PermitGrant): string {
  return JSON.stringify([schedule, occurrence?.getTime(), job, volume]);
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
