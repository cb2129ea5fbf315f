/**
 * The memory of a tool's processes on the machine's side: the highest that the sum of their proportional set sizes (PSS) has
 * been, a few times a second. What several of them share, such as the pages of a process and its fork, counts once, where a
 * sum of RSS would count it for each; the page cache, which the kernel gives back to whoever wants it, does not count, as it
 * would in a control group. Source: proc_pid_smaps(5), Documentation/ABI/testing/procfs-smaps_rollup
 */

import { readdir, readFile, readlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const pauseMs = 300;

/** @returns bytes; 0 of a process that has none, as kernel threads have */
export function pssBytes(smapsRollup: string): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(smapsRollup)?.[1] ?? 0) * 1024;
}

export class MemoryWatch {
  readonly #ignored: ReadonlySet<number>;
  readonly #ownNetwork: string;
  #isOver = false;
  #peak = 0;
  readonly #watching: Promise<void>;

  /** @param residents those of the tool that are there already; whatever else is there now is not its own */
  static async begin(residents: readonly number[]): Promise<MemoryWatch> {
    const others = (await pids()).filter((pid) => !residents.includes(pid));
    return new MemoryWatch(new Set(others), await network(process.pid));
  }

  private constructor(ignored: ReadonlySet<number>, ownNetwork: string) {
    this.#ignored = ignored;
    this.#ownNetwork = ownNetwork;
    this.#watching = this.#watch();
  }

  /** @returns the peak, in bytes */
  async end(): Promise<number> {
    this.#isOver = true;
    await this.#watching;
    return this.#peak;
  }

  async #watch(): Promise<void> {
    while (!this.#isOver) {
      const own = (await pids()).filter((pid) => !this.#ignored.has(pid));
      const each = await Promise.all(own.map((pid) => this.#bytesOf(pid)));
      this.#peak = Math.max(
        this.#peak,
        each.reduce((sum, bytes) => sum + bytes, 0),
      );
      await sleep(pauseMs);
    }
  }

  /** 0 of the second host's, which have another network, and of one that has just ended. */
  async #bytesOf(pid: number): Promise<number> {
    try {
      if ((await network(pid)) !== this.#ownNetwork) return 0;
      return pssBytes(await readFile(`/proc/${pid}/smaps_rollup`, "utf8"));
    } catch {
      return 0;
    }
  }
}

async function pids(): Promise<number[]> {
  return (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
}

function network(pid: number): Promise<string> {
  return readlink(`/proc/${pid}/ns/net`);
}
