/**
 * A systemd of its own in the lab, to run the unit file under: process 1 of a PID namespace. What its services mount is
 * seen by everybody, as on a machine that systemd has started.
 */

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Child, type Finished, makeExec, mustRun } from "../../../common/exec.ts";
import { until } from "./until.ts";

const { exec, start } = makeExec();
const units = "/run/systemd/system";
const deadlineMs = 300_000;

/** Replaces itself with systemd, which takes the place of the shell as process 1. */
const begin = [
  "mount --make-private /proc",
  "mount -t proc proc /proc",
  "exec /lib/systemd/systemd --unit=lab.target --log-target=console",
].join(" && ");

export class ServiceManager implements AsyncDisposable {
  readonly #child: Child;
  /** Of systemd, as seen from the outside. */
  readonly #pid: number;

  private constructor(child: Child, pid: number) {
    this.#child = child;
    this.#pid = pid;
  }

  /** Resolves when it takes commands. */
  static async start(): Promise<ServiceManager> {
    await mustRun(exec, { file: "mount", args: ["--make-rshared", "/"], deadlineMs });
    await mkdir(units, { recursive: true });
    await writeFile(join(units, "lab.target"), "[Unit]\nDescription=the lab\nDefaultDependencies=no\n");
    const child = start({
      file: "unshare",
      args: [
        ...["--fork", "--kill-child", "--pid", "--cgroup", "--mount", "--propagation", "unchanged"],
        "sh",
        "-c",
        begin,
      ],
      // it does not bring up a machine: no devices, no console
      env: { container: "lab" },
    });
    await until(async () => (await firstChild(child.pid)) !== undefined, "systemd has started");
    const manager = new ServiceManager(child, (await firstChild(child.pid)) ?? 0);
    await until(async () => (await manager.run(["systemctl", "is-system-running"])).exitCode === 0, "it is running");
    return manager;
  }

  /** Runs a program among its services, where they and it have the same process numbers. */
  run([file, ...args]: readonly [string, ...string[]]): Promise<Finished> {
    return exec({
      file: "nsenter",
      args: ["--target", `${this.#pid}`, "--pid", "--mount", "--", file, ...args],
      deadlineMs,
    });
  }

  /** @param text of the unit file */
  async install(name: string, text: string): Promise<void> {
    await writeFile(join(units, name), text);
    // by default a service wants a machine that has been set up, which would clear /tmp and look for disks
    await mkdir(join(units, `${name}.d`), { recursive: true });
    await writeFile(join(units, `${name}.d`, "lab.conf"), "[Unit]\nDefaultDependencies=no\n");
    await this.run(["systemctl", "daemon-reload"]);
  }

  /** What `systemctl edit` would write. @param settings of its [Service] */
  async edit(unit: string, settings: string): Promise<void> {
    await writeFile(join(units, `${unit}.d`, "override.conf"), `[Service]\n${settings}\n`);
    await this.run(["systemctl", "daemon-reload"]);
  }

  /** A property of a unit, as `systemctl show` says it. */
  async show(unit: string, property: string): Promise<string> {
    const { stdout } = await this.run(["systemctl", "show", "--value", "--property", property, unit]);
    return stdout.toString().trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop();
    await mustRun(exec, { file: "mount", args: ["--make-rprivate", "/"], deadlineMs });
  }
}

async function firstChild(pid: number): Promise<number | undefined> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  // started through setpriv and unshare, each of which became the next
  return (await readdir("/proc")).includes(children.trim()) ? Number(children.trim()) : undefined;
}
