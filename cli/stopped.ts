/** The end that somebody asked for by a signal. Whatever there is to say has been said: only the exit code is left. */
export class Stopped extends Error {
  override readonly name = "Stopped";
  readonly exitCode: number;

  /** @param signalNumber signal(7) */
  constructor(signalNumber: number) {
    super(`stopped by signal ${signalNumber}`);
    // as shells say it: SIGINT is 130
    this.exitCode = 128 + signalNumber;
  }
}
