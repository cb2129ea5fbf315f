/** A program whose clock is not the system's. */

const library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/** libfaketime stands between a program and the clock; what counts only how time passes is right. @param clock as in FAKETIME: "+15m" */
export function fakeClock(clock: string): Record<string, string> {
  return { LD_PRELOAD: library, FAKETIME: clock, FAKETIME_DONT_FAKE_MONOTONIC: "1" };
}
