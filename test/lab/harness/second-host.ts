/**
 * A second host inside the lab: a network namespace with its own sshd, address and storage, at the other end of a link
 * that can be slowed, cut and measured.
 */

import { chown, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemClock } from "../../../common/clock.ts";
import { makeExec, mustRun } from "../../../common/exec.ts";

const { exec, start } = makeExec();
const deadlineMs = 60_000;
const namespace = "vault";
const ourLink = "lab0";
const theirLink = "lab1";
const root = "/run/luksmith-lab";

async function run(file: string, ...args: string[]): Promise<string> {
  return (await mustRun(exec, { file, args, deadlineMs })).stdout.toString();
}

/** Whether it worked or not: for taking down what may not be there. */
async function tryRun(file: string, ...args: string[]): Promise<void> {
  await exec({ file, args, deadlineMs });
}

export interface LinkShape {
  /** Round trip; half of it each way. */
  readonly rttMs: number;
  readonly mbit?: number;
}

export interface SecondHostOptions {
  /** Where the client's private key is written (and .pub beside it). */
  readonly identityFile: string;
  /** Bytes of an ext4 file system for the storage; default: a large tmpfs. */
  readonly storageBytes?: number;
}

export class SecondHost implements AsyncDisposable {
  readonly address = "10.99.0.2";
  readonly user = "lm-lab";
  /** On the host: the user's home. Here: the same directory, since the two share their file systems. */
  readonly storagePath = "/srv/luksmith-lab";
  /** The directory in the user's home where images go. */
  readonly imagesPath = join(this.storagePath, "images");
  #sshd: ReturnType<typeof start> | undefined;
  #storageFile: string | undefined;

  static async create(options: SecondHostOptions): Promise<SecondHost> {
    const host = new SecondHost();
    await host.#takeDown();
    await host.#makeStorage(options.storageBytes);
    await host.#makeLink();
    await mkdir(dirname(options.identityFile), { recursive: true, mode: 0o700 });
    await rm(options.identityFile, { force: true });
    await run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", options.identityFile);
    await mkdir(root, { recursive: true, mode: 0o755 });
    await writeFile(join(root, "authorized_keys"), await readFile(`${options.identityFile}.pub`));
    await host.replaceHostKey();
    return host;
  }

  /** As OpenSSH prints it: "SHA256:..." */
  async hostKeyFingerprint(): Promise<string> {
    return (await run("ssh-keygen", "-l", "-f", join(root, "host_key.pub"))).split(" ")[1] ?? "";
  }

  async replaceHostKey(): Promise<void> {
    await this.stop();
    for (const file of ["host_key", "host_key.pub"]) await rm(join(root, file), { force: true });
    await run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(root, "host_key"));
    await this.start();
  }

  async start(): Promise<void> {
    await mkdir("/run/sshd", { recursive: true, mode: 0o755 });
    const config = [
      `HostKey ${root}/host_key`,
      `ListenAddress ${this.address}`,
      `AuthorizedKeysFile ${root}/authorized_keys`,
      "PermitRootLogin yes",
      "StrictModes no",
      "UsePAM no",
      "UseDNS no",
      "PidFile none",
      "MaxStartups 100",
      "Subsystem sftp internal-sftp",
    ];
    await writeFile(join(root, "sshd_config"), `${config.join("\n")}\n`);
    this.#sshd = start({
      file: "ip",
      args: ["netns", "exec", namespace, "/usr/sbin/sshd", "-D", "-e", "-f", join(root, "sshd_config")],
      graceMs: 500,
    });
    const end = Date.now() + deadlineMs;
    while ((await exec({ file: "ssh-keyscan", args: ["-T", "2", this.address], deadlineMs })).stdout.length === 0) {
      if (Date.now() > end) throw new Error("sshd of the second host does not answer");
      await systemClock.sleep(50);
    }
  }

  /** Ends sshd and every connection that it holds. */
  async stop(): Promise<void> {
    await this.#sshd?.stop();
    this.#sshd = undefined;
    for (const pid of (await exec({ file: "ip", args: ["netns", "pids", namespace], deadlineMs })).stdout
      .toString()
      .split("\n")) {
      if (pid !== "") await tryRun("kill", "-KILL", pid);
    }
  }

  async setLink({ rttMs, mbit }: LinkShape): Promise<void> {
    await this.#netem("delay", `${rttMs * 500}us`, ...(mbit === undefined ? [] : ["rate", `${mbit}mbit`]));
  }

  /** Drops every packet in both directions: nobody is told. */
  async unplug(): Promise<void> {
    await this.#netem("loss", "100%");
  }

  async plugIn(): Promise<void> {
    await this.setLink({ rttMs: 0 });
  }

  /** Bytes on the wire as this side has counted them, headers included. */
  async wireBytes(): Promise<{ sent: number; received: number }> {
    const read = async (name: string) => Number(await readFile(`/sys/class/net/${ourLink}/statistics/${name}`, "utf8"));
    return { sent: await read("tx_bytes"), received: await read("rx_bytes") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#takeDown();
  }

  async #makeStorage(bytes: number | undefined): Promise<void> {
    await mkdir(this.storagePath, { recursive: true });
    if (bytes === undefined) {
      await run("mount", "-t", "tmpfs", "-o", "size=4G,mode=0755", "tmpfs", this.storagePath);
    } else {
      this.#storageFile = "/run/luksmith-lab-storage.ext4";
      await run("truncate", `--size=${bytes}`, this.#storageFile);
      await run("mkfs.ext4", "-q", "-m", "0", this.#storageFile);
      await run("mount", "-o", "loop", this.#storageFile, this.storagePath);
    }
    // "*" is a password that nothing matches; "!" would lock the account for keys as well
    await tryRun(
      "useradd",
      "--home-dir",
      this.storagePath,
      "--no-create-home",
      "--shell",
      "/bin/sh",
      "--password",
      "*",
      this.user,
    );
    const [uid, gid] = await Promise.all([run("id", "-u", this.user), run("id", "-g", this.user)]);
    await mkdir(this.imagesPath, { mode: 0o700 });
    for (const path of [this.storagePath, this.imagesPath]) await chown(path, Number(uid), Number(gid));
  }

  async #makeLink(): Promise<void> {
    await run("ip", "netns", "add", namespace);
    await run("ip", "link", "add", ourLink, "type", "veth", "peer", "name", theirLink, "netns", namespace);
    await run("ip", "address", "add", "10.99.0.1/24", "dev", ourLink);
    await run("ip", "link", "set", ourLink, "up");
    await run("ip", "-n", namespace, "address", "add", `${this.address}/24`, "dev", theirLink);
    await run("ip", "-n", namespace, "link", "set", theirLink, "up");
    await run("ip", "-n", namespace, "link", "set", "lo", "up");
  }

  async #netem(...shape: string[]): Promise<void> {
    // a queue for what a fast writer has under way on a long link; the default drops at 1000 packets
    const rest = ["root", "netem", ...shape, "limit", "100000"];
    await run("tc", "qdisc", "replace", "dev", ourLink, ...rest);
    await run("ip", "netns", "exec", namespace, "tc", "qdisc", "replace", "dev", theirLink, ...rest);
  }

  async #takeDown(): Promise<void> {
    await tryRun("ip", "netns", "delete", namespace);
    await tryRun("ip", "link", "delete", ourLink);
    await tryRun("umount", this.storagePath);
    if (this.#storageFile !== undefined) await rm(this.#storageFile, { force: true });
    await rm(root, { recursive: true, force: true });
  }
}
