/**
 * nbd-client(8), by netlink: it shakes hands with the server, gives the connection to the kernel, which chooses a free device, and
 * ends. The kernel remembers its process number, by which the device is known to be ours (/sys/block/nbdN/pid).
 */

import { existsSync } from "node:fs";
import { allOrFirstError } from "../../common/all-settled.ts";
import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords, mustRun, type Running } from "../../common/exec.ts";
import { isInFirstPidNamespace } from "../system/pid-namespace.ts";
import { lookForProgram, requireProgram } from "../transport/nbd/programs.ts";
import { NbdUnusableError } from "../transport/nbd/unusable.ts";

/** nbd-server makes numbers for encryption that is not used between listening and accepting, which takes a small host seconds. */
const connectDeadlineMs = 120_000;
const disconnectDeadlineMs = 30_000;
const lookDeadlineMs = 20_000;
/** Of one that is built in as well, since it has parameters (sysfs(5), /sys/module). */
const moduleDirectory = "/sys/module/nbd";
export interface NbdConnectSpec {
  /** A Unix socket. */
  readonly socket: string;
  /** Of the export. */
  readonly name: string;
  /** Those of the LUKS2 data in it. */
  readonly sectorBytes: number;
  readonly onStart: (running: Running) => void;
}

/** Whether this machine can use them at all. @throws {NbdUnusableError} */
export async function requireNbd(exec: Exec): Promise<void> {
  await allOrFirstError(requireOwnNumber(), requireModule(exec), requireProgram(exec, "nbd-client"));
}

/** The same, whatever was found before. @throws {NbdUnusableError} */
export async function lookForNbd(exec: Exec): Promise<void> {
  await allOrFirstError(requireOwnNumber(), requireModule(exec), lookForProgram(exec, "nbd-client"));
}

/** The kernel writes down by which process a device was connected. Where that is another number than ours, a device is nobody's. */
async function requireOwnNumber(): Promise<void> {
  if (await isInFirstPidNamespace()) return;
  throw new NbdUnusableError(
    "in a container's PID namespace network block devices cannot be told apart",
    "run luksmith-agent on the machine itself, or have the container share its namespace (--pid=host)",
  );
}

async function requireModule(exec: Exec): Promise<void> {
  if (existsSync(moduleDirectory)) return;
  const { exitCode } = await exec({
    file: "modprobe",
    args: ["--quiet", "nbd"],
    brief: true,
    deadlineMs: lookDeadlineMs,
  });
  if (exitCode === 0) return;
  throw new NbdUnusableError("this machine's kernel has no network block devices", "modprobe nbd says why");
}

/** @returns "/dev/nbdN" @throws {LuksmithError} "tool_failed" with its last words */
export async function connectNbd(exec: Exec, spec: NbdConnectSpec, signal: AbortSignal): Promise<string> {
  const args = ["-unix", spec.socket, "-name", spec.name, "-block-size", `${spec.sectorBytes}`];
  const finished = await exec({
    file: "nbd-client",
    args,
    brief: true,
    deadlineMs: connectDeadlineMs,
    signal,
    onStart: spec.onStart,
  });
  const device = /^Connected (\/dev\/nbd\d+)$/m.exec(finished.stdout.toString())?.[1];
  if (finished.exitCode === 0 && device !== undefined) return device;
  throw new LuksmithError("tool_failed", `nbd-client did not connect: ${lastWords(finished)}`, { cause: finished });
}

/** What is under way gets an error. Returns when the kernel has let the connection go. */
export async function disconnectNbd(exec: Exec, device: string): Promise<void> {
  await mustRun(exec, { file: "nbd-client", args: ["-d", device], brief: true, deadlineMs: disconnectDeadlineMs });
}
