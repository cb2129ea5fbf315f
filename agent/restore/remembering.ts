/** What one restore leaves for the same command to go on with, should it be cut short. */

import type { RunContext } from "../runs/context.ts";
import { type RestoreCommand, type UnfinishedRestore, UnfinishedRestores } from "./unfinished.ts";

export class Remembering {
  readonly command: RestoreCommand;
  readonly #unfinished: UnfinishedRestores;

  constructor(stateDir: string, command: RestoreCommand) {
    this.command = command;
    this.#unfinished = new UnfinishedRestores(stateDir);
  }

  /** One that cannot be read is as good as none: nothing is overwritten for the want of it. */
  before(): Promise<UnfinishedRestore | undefined> {
    return this.#unfinished.read(this.command).catch(() => undefined);
  }

  /** A disk that is full must not keep anybody from their files. @returns whether it is remembered */
  async begin(record: UnfinishedRestore, run: RunContext): Promise<boolean> {
    const remembered = await this.#unfinished.write(this.command, record).catch(() => false);
    if (!remembered) run.note("should this restore be cut short, it cannot be gone on with, but by --overwrite");
    return remembered;
  }

  async end(run: RunContext): Promise<void> {
    await this.#unfinished
      .forget(this.command)
      .catch(() => run.note("that this restore is done cannot be written down"));
  }
}
