/** A backup host, its machine and somebody else on one wire: network namespaces, each with an address on one bridge. */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { systemClock } from "../../../common/clock.ts";
import { makeExec, mustRead } from "../../../common/exec.ts";

const { exec } = makeExec();
const deadlineMs = 60_000;

export interface LabHost {
  readonly address: string;
  /** A command's first words, for it to run there. */
  readonly within: readonly string[];
  run(file: string, ...args: string[]): Promise<string>;
}

export interface ThreeHosts {
  readonly vault: LabHost;
  readonly machine: LabHost;
  readonly stranger: LabHost;
}

/** They go when the test ends. */
export async function threeHosts(context: TestContext): Promise<ThreeHosts> {
  const [vault, machine, stranger] = await Promise.all([1, 2, 3].map((number) => startHost(context, number)));
  if (vault === undefined || machine === undefined || stranger === undefined) throw new Error("no hosts");
  await vault.host.run("ip", "link", "add", "wire", "type", "bridge");
  await vault.host.run("ip", "link", "set", "wire", "up");
  await vault.host.run("ip", "address", "add", `${vault.host.address}/24`, "dev", "wire");
  for (const [index, { pid, host }] of [machine, stranger].entries()) {
    const peer = ["peer", "name", "eth0", "netns", `${pid}`];
    await vault.host.run("ip", "link", "add", `wire${index}`, "type", "veth", ...peer);
    await vault.host.run("ip", "link", "set", `wire${index}`, "master", "wire", "up");
    await host.run("ip", "link", "set", "eth0", "up");
    await host.run("ip", "address", "add", `${host.address}/24`, "dev", "eth0");
  }
  return { vault: vault.host, machine: machine.host, stranger: stranger.host };
}

async function startHost(context: TestContext, number: number): Promise<{ pid: number; host: LabHost }> {
  const child = spawn("unshare", ["--net", "sh", "-c", "ip link set lo up; echo ready; exec sleep 3600"]);
  context.after(() => {
    child.kill("SIGKILL");
  });
  await once(child.stdout, "data");
  const within = ["nsenter", "--target", `${child.pid}`, "--net"];
  const run = async (file: string, ...args: string[]) => {
    const [first = "", ...rest] = [...within, file, ...args];
    return (await mustRead(exec, { file: first, args: rest, deadlineMs })).toString();
  };
  return { pid: child.pid ?? 0, host: { address: `10.98.0.${number}`, within, run } };
}

/** What a server says first to who connects from there; undefined when nothing comes back. */
export async function greeting(from: LabHost, to: LabHost, port: number): Promise<string | undefined> {
  const said = ["-u", "-T", "20", `TCP:${to.address}:${port},connect-timeout=1,readbytes=8`, "STDOUT"];
  const [file = "", ...args] = [...from.within, "socat", ...said];
  const { stdout } = await exec({ file, args, deadlineMs });
  return stdout.length === 0 ? undefined : stdout.toString("latin1");
}

/** Tries again and again, several at once. @returns to be called: stops, with what it was ever told and how often it tried */
export function intrude(
  from: LabHost,
  to: LabHost,
  ports: readonly number[],
): () => Promise<{ told: string[]; tries: number }> {
  let isOver = false;
  let tries = 0;
  const told: string[] = [];
  const trying = ports.map(async (port) => {
    while (!isOver) {
      tries += 1;
      const words = await greeting(from, to, port);
      if (words !== undefined) told.push(words);
      await systemClock.sleep(10);
    }
  });
  return async () => {
    isOver = true;
    await Promise.all(trying);
    return { told, tries };
  };
}

/** Some other service of a host's, on all of its addresses, that greets whoever comes. */
export async function startGreeter(context: TestContext, host: LabHost, port: number): Promise<() => Promise<void>> {
  const [file = "", ...args] = [...host.within, "socat", `TCP-LISTEN:${port},fork,reuseaddr`, "SYSTEM:printf GREETING"];
  const child = spawn(file, args, { stdio: "ignore", detached: true });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    process.kill(-(child.pid ?? 0), "SIGKILL");
    await exited;
  };
  context.after(stop);
  while (!(await host.run("ss", "-Hltn", `sport = :${port}`)).includes(`:${port}`)) await systemClock.sleep(20);
  return stop;
}

export const canHaveNetworks = spawnSync("unshare", ["--net", "true"]).status === 0 ? {} : { skip: "needs root" };
