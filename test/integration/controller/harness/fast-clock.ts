import { type Clock, systemClock } from "../../../../common/clock.ts";

/** Goes a hundred times as fast, as far as anybody but sleepers can see. */
export class FastClock implements Clock {
  now = () => systemClock.now();
  monotonicMs = () => systemClock.monotonicMs() * 100;
  sleep = (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 100, signal);
}
