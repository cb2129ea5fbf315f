/** Telling a host that is slow from one that does not answer any more. Pure. */

/** What a stack shows of itself at one moment. */
export interface IoState {
  /** Something is waited for. */
  readonly pending: boolean;
  /** Changes whenever something has come back. */
  readonly progress: string;
}

export class StallMeter {
  #progress: string | undefined;
  #sinceMs = 0;

  /** @returns for how long something has been waited for and nothing has come back, in milliseconds */
  observe({ pending, progress }: IoState, nowMs: number): number {
    if (!pending || progress !== this.#progress) {
      this.#progress = progress;
      this.#sinceMs = nowMs;
    }
    return nowMs - this.#sinceMs;
  }
}
