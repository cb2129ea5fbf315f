/** The programs that an agent has running, found in /proc as anybody finds them. */

import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { hasErrno } from "../../../../common/errors.ts";

export interface AgentProcess {
  readonly pid: number;
  readonly name: string;
}

/** All below it, ordered by name. sshfs disowns its ssh, which stays in its process group: each child of the agent has one. */
export async function processesBelow(agentPid: number): Promise<AgentProcess[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const all = (await Promise.all(pids.map(look))).filter((found) => found !== undefined);
  const below = new Set([agentPid]);
  // a parent is older than its children, and mostly has a smaller number: twice is enough but for the rarest case
  for (let round = 0; round < 3; round += 1) {
    for (const { pid, parent, group } of all) if (below.has(parent) || below.has(group)) below.add(pid);
  }
  return all
    .filter(({ pid, isZombie }) => pid !== agentPid && below.has(pid) && !isZombie)
    .toSorted((a, b) => a.name.localeCompare(b.name) || a.pid - b.pid);
}

/**
 * The agent's own children alone, at once: what is over in a moment is gone before all of /proc has been read.
 * Source: proc_pid_task(5), children: of the thread that has started them, which is Node's first
 */
export function childrenOf(agentPid: number): AgentProcess[] {
  try {
    const pids = readFileSync(`/proc/${agentPid}/task/${agentPid}/children`, "utf8").split(" ").filter(Boolean);
    return pids.flatMap((pid) => {
      const name = nameOf(pid);
      return name === undefined ? [] : [{ pid: Number(pid), name }];
    });
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ESRCH")) return [];
    throw error;
  }
}

/** @returns undefined also for one that is over and only waits to be heard of: a signal to it would seem to have worked */
function nameOf(pid: string): string | undefined {
  try {
    const [, name, state] = /^\d+ \((.*)\) (\S)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    return state === "Z" ? undefined : name;
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ESRCH")) return undefined;
    throw error;
  }
}

/** Source: proc_pid_stat(5): pid (comm) state ppid pgrp */
async function look(pid: string) {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    const [, name = "", state, parent, group] = /^\d+ \((.*)\) (\S) (\d+) (\d+)/s.exec(stat) ?? [];
    return { pid: Number(pid), name, parent: Number(parent), group: Number(group), isZombie: state === "Z" };
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ESRCH")) return undefined;
    throw error;
  }
}
