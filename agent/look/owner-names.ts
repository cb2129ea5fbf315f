/** What this machine calls the owners of files. Nobody's right depends on it, so that whatever goes wrong leaves the numbers. */

import type { Exec } from "../../common/exec.ts";
import type { FileEntry } from "../../proto/gen/luksmith/v1/types.ts";

/** A directory server that is away must not hold a listing up: after that nobody else is asked for. */
const lookupDeadlineMs = 5000;
/** Each is asked for once. A tree with more owners than that is no machine's own. */
const mostAskedFor = 500;

type Database = "passwd" | "group";

export class OwnerNames {
  readonly #exec: Exec;
  readonly #signal: AbortSignal;
  readonly #known: Readonly<Record<Database, Map<number, string>>> = { passwd: new Map(), group: new Map() };
  #asked = 0;

  /** For one listing. */
  constructor(exec: Exec, signal: AbortSignal) {
    this.#exec = exec;
    this.#signal = signal;
  }

  /** Adds them to the entries; those that are not known stay empty. */
  async addTo(...entries: readonly (FileEntry | undefined)[]): Promise<void> {
    for (const entry of entries) {
      if (entry === undefined) continue;
      entry.owner = this.#known.passwd.get(entry.uid) ?? (await this.#ask("passwd", entry.uid));
      entry.group = this.#known.group.get(entry.gid) ?? (await this.#ask("group", entry.gid));
    }
  }

  async #ask(database: Database, id: number): Promise<string> {
    let name = "";
    if (this.#asked < mostAskedFor) {
      this.#asked += 1;
      try {
        // getent(1): a number is looked up as one; in both databases the name is the first field
        const asking = { file: "getent", args: ["--", database, `${id}`], brief: true, signal: this.#signal };
        const { stdout } = await this.#exec({ ...asking, deadlineMs: lookupDeadlineMs });
        name = /^[^:\n]*/.exec(stdout.toString())?.[0] ?? "";
      } catch {
        this.#signal.throwIfAborted();
        this.#asked = mostAskedFor;
      }
    }
    this.#known[database].set(id, name);
    return name;
  }
}
