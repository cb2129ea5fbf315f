/**
 * A second host inside the lab: a network namespace with its own sshd, address and storage, at the other end of a link
 * that can be slowed, cut and measured. For use in the guest alone, as root; one at a time.
 */

import { existsSync } from "node:fs";
import { chmod, chown, copyFile, mkdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hasErrno } from "../../../common/errors.ts";
import { type Child, type Finished, makeExec, mustRead, mustRun } from "../../../common/exec.ts";
import { authorizedKeysText, sshdText } from "../../../helper/setup/text/ssh.ts";
import { withDeadline } from "./deadline.ts";
import { type HelperOnHost, installHelper, removeHelper } from "./helper-on-host.ts";

const { exec, start } = makeExec();
const deadlineMs = 60_000;
const namespace = "vault";
const ourLink = "lab0";
const theirLink = "lab1";
/** The host's own things: keys, configuration, and the file that a sized storage is in. */
const root = "/run/luksmith-lab";
const storageFile = join(root, "storage.disk");
/** Where a storage with reflinks is mounted. */
const pool = join(root, "pool");

async function run(file: string, ...args: string[]): Promise<string> {
  return (await mustRead(exec, { file, args, deadlineMs })).toString();
}

/** Whether it worked or not: for taking down what may have gone by itself. */
async function tryRun(file: string, ...args: string[]): Promise<void> {
  await exec({ file, args, deadlineMs });
}

export interface LinkShape {
  /** Round trip; half of it each way. */
  readonly rttMs: number;
  /** Each way. Default: as fast as the machine is. */
  readonly mbit?: number;
}

export interface SecondHostOptions {
  /** Where the client's private key is written (and .pub beside it). */
  readonly identityFile: string;
  /** Bytes of an ext4 file system for the storage; default: a large tmpfs. */
  readonly storageBytes?: number;
  /** The storage is btrfs, of which {@link SecondHost.checkpointsPath} is another directory. Needs `storageBytes`. */
  readonly reflinks?: boolean;
  /** A directory below /out: storage and host key are kept there, and are there again for a machine that comes later. */
  readonly keptIn?: string;
  /**
   * The user may run commands as well; where there is a helper, with a key of its own, which is written beside the other as
   * `IDENTITY-shell`. Default: nothing but SFTP, which is all that luksmith may need.
   */
  readonly shell?: boolean;
  /** Private keys (with .pub beside them) that there are already: its own, and the client's at `identityFile`. */
  readonly hostKey?: string;
  /**
   * sshd reads Debian's own /etc/ssh/sshd_config, root gets in by this private key (with .pub beside it), which is made, and the user
   * by the one line in ~/.ssh/authorized_keys that a person would write first: a host for `luksmith remote setup`.
   */
  readonly administrator?: string;
  /** The user has luksmith-helper behind its gate, as `luksmith remote setup` would leave it. Default: plain SFTP. */
  readonly helper?: HelperOnHost;
}

export class SecondHost implements AsyncDisposable {
  /** Known before there is one, for whoever is to speak to it. */
  static readonly address = "10.99.0.2";
  static readonly user = "lm-lab";
  readonly address = SecondHost.address;
  readonly user = SecondHost.user;
  /** On the host: the user's home. Here: the same directory, since the two share their file systems. */
  readonly storagePath = "/srv/luksmith-lab";
  /** On a storage with reflinks: beside the user's home, and out of reach. */
  readonly checkpointsPath = join(pool, "checkpoints");
  /** The directory in the user's home where images go. */
  readonly imagesPath = join(this.storagePath, "images");
  readonly hostKeyFile: string;
  readonly #keptIn: string | undefined;
  readonly #helper: HelperOnHost | undefined;
  readonly #administrator: string | undefined;
  #sshd: Child | undefined;
  #shape: LinkShape = { rttMs: 0 };

  /** Takes down what an earlier one left, and makes a new one: up, with a bare link. */
  static async create(options: SecondHostOptions): Promise<SecondHost> {
    const host = new SecondHost(options);
    await host.#takeDown();
    if (options.keptIn !== undefined) await mkdir(options.keptIn, { recursive: true });
    const isKnown = existsSync(host.hostKeyFile);
    await mkdir(root, { recursive: true, mode: 0o755 });
    await mkdir(dirname(options.identityFile), { recursive: true, mode: 0o700 });
    // starting a program takes long under emulation; these have nothing to do with one another
    await Promise.all([
      host.#makeStorage(options),
      host.#makeLink(),
      ...(isKnown ? [] : host.#makeKeys(options)),
      host.#writeSshdConfig(options.shell ?? false),
    ]);
    const publicKey = await readFile(`${options.identityFile}.pub`, "utf8");
    const key = options.helper === undefined ? publicKey : authorizedKeysText(host.storagePath, publicKey.trimEnd());
    const isGated = options.helper !== undefined && options.shell === true;
    if (isGated) await makeKey(shellIdentity(options.identityFile));
    const shellKey = isGated ? await readFile(`${shellIdentity(options.identityFile)}.pub`, "utf8") : "";
    await writeFile(join(root, "authorized_keys"), `${key}${shellKey}`);
    if (options.helper !== undefined) {
      await installHelper(options.helper, { user: host.user, directory: host.storagePath });
      if (options.helper.firewall) await host.run("luksmith-helper", "firewall", "apply");
    }
    if (options.administrator !== undefined) await host.#letIn(options.administrator, publicKey);
    await host.start();
    return host;
  }

  private constructor({ keptIn, helper, administrator }: SecondHostOptions) {
    this.#administrator = administrator;
    this.#keptIn = keptIn;
    this.#helper = helper;
    this.hostKeyFile = join(keptIn ?? root, "host_key");
  }

  /** As OpenSSH prints it: "SHA256:..." */
  async hostKeyFingerprint(): Promise<string> {
    return (await run("ssh-keygen", "-l", "-f", `${this.hostKeyFile}.pub`)).split(" ")[1] ?? "";
  }

  /** The host comes back as another one, as far as SSH can tell. */
  async replaceHostKey(): Promise<void> {
    await this.stop();
    await makeKey(this.hostKeyFile);
    await this.start();
  }

  /** For a command that may fail, or take long. */
  ask(withinMs: number, file: string, ...args: string[]): Promise<Finished> {
    const within = [`--net=/run/netns/${namespace}`, "--", file, ...args];
    return exec({ file: "nsenter", args: within, deadlineMs: withinMs });
  }

  /** Types a command there, as root. @returns what it prints */
  run(file: string, ...args: string[]): Promise<string> {
    return run("nsenter", `--net=/run/netns/${namespace}`, "--", file, ...args);
  }

  /** Resolves when sshd listens, whatever the state of the link. */
  async start(): Promise<void> {
    const listening = Promise.withResolvers<void>();
    let said = "";
    const sshd = start({
      // and not `ip netns exec`, which copies all mounts that there are, and with them holds a volume that is attached now
      file: "nsenter",
      args: [
        ...[`--net=/run/netns/${namespace}`, "--"],
        // past a limit of its own, a server is told so and goes on: see limitFiles
        ...["env", "--ignore-signal=XFSZ", "/usr/sbin/sshd", "-D", "-e", ...this.#sshdArgs()],
      ],
      onStderr: (chunk) => {
        if (said.includes("Server listening")) return;
        said += chunk.toString();
        if (said.includes("Server listening")) listening.resolve();
      },
    });
    this.#sshd = sshd;
    const ended = sshd.finished.then(() => {
      throw new Error(`sshd of the second host ended: ${said}`);
    });
    ended.catch(() => undefined); // later on, that it ends is what stop() wants
    await withDeadline(Promise.race([listening.promise, ended]), deadlineMs, "the start of the second host's sshd");
  }

  /** Ends sshd and every connection that it holds, as when the host loses its power: with no goodbye but a reset. */
  async stop(): Promise<void> {
    for (const pid of await this.#processes()) kill(pid, "SIGKILL");
    await this.#sshd?.stop();
    this.#sshd = undefined;
  }

  /** The connections there are stay, and nothing comes back on them any more; new ones are served. */
  async freezeConnections(): Promise<void> {
    for (const pid of await this.#sessions()) kill(pid, "SIGSTOP");
  }

  async thawConnections(): Promise<void> {
    for (const pid of await this.#sessions()) kill(pid, "SIGCONT");
  }

  /**
   * Whatever would make an image reach beyond its present end, or fill a hole that lies beyond `bytes`, fails, as on a disk that
   * is full: the SFTP server says the same of both (SSH_FX_FAILURE). A real disk that is full would need a file system
   * of its own, which either slows all down or loses with this machine's power what the host's disk would have kept.
   */
  async limitFiles(bytes: number): Promise<void> {
    await this.#limit(`${bytes}`);
  }

  async liftLimit(): Promise<void> {
    await this.#limit("unlimited");
  }

  async #limit(value: string): Promise<void> {
    // those that come later have it from sshd; one may end meanwhile
    for (const pid of await this.#processes()) await tryRun("prlimit", "--pid", `${pid}`, `--fsize=${value}:`);
  }

  /** Every process of the host but sshd itself, which takes the connections. */
  async #sessions(): Promise<number[]> {
    return (await this.#processes()).filter((pid) => pid !== this.#sshd?.pid);
  }

  async #processes(): Promise<number[]> {
    const listed = await exec({ file: "ip", args: ["netns", "pids", namespace], deadlineMs });
    return [...listed.stdout.toString().matchAll(/\d+/g)].map(([pid]) => Number(pid));
  }

  async setLink(shape: LinkShape): Promise<void> {
    this.#shape = shape;
    // netem keeps a rate that it is not given anew; 0 is none
    await this.#netem("delay", `${shape.rttMs * 500}us`, "rate", `${shape.mbit ?? 0}mbit`);
  }

  /** Drops every packet in both directions: nobody is told. */
  async unplug(): Promise<void> {
    await this.#netem("loss", "100%");
  }

  /** The link is again what it was before it was unplugged. */
  async plugIn(): Promise<void> {
    await this.setLink(this.#shape);
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

  #makeKeys({ hostKey, identityFile }: SecondHostOptions): Promise<void>[] {
    if (hostKey !== undefined) return [copyKey(hostKey, this.hostKeyFile)];
    return [makeKey(identityFile), makeKey(this.hostKeyFile)];
  }

  async #makeStorage({ storageBytes: bytes, reflinks }: SecondHostOptions): Promise<void> {
    await mkdir(this.storagePath, { recursive: true });
    if (this.#keptIn !== undefined) {
      const kept = join(this.#keptIn, "storage");
      await mkdir(kept, { recursive: true });
      await run("mount", "--bind", kept, this.storagePath);
    } else if (bytes === undefined) {
      await run("mount", "-t", "tmpfs", "-o", "size=4G,mode=0755", "tmpfs", this.storagePath);
    } else {
      await writeFile(storageFile, "");
      await truncate(storageFile, bytes);
      if (reflinks === true) await this.#mountPool();
      else {
        await run("mkfs.ext4", "-q", "-m", "0", "-O", "quota", storageFile);
        await run("mount", "-o", "loop,usrquota", storageFile, this.storagePath);
      }
    }
    // "*" is a password that nothing matches; "!" would lock the account for keys as well
    const account = ["--home-dir", this.storagePath, "--no-create-home", "--shell", "/bin/sh", "--password", "*"];
    // what was kept belongs to the user of an earlier machine: this one has to be the same
    const { uid: owner } = await stat(this.storagePath);
    if (owner !== 0) {
      await run("useradd", ...account, "--uid", `${owner}`, this.user);
      return;
    }
    await run("useradd", ...account, this.user);
    await mkdir(this.imagesPath, { mode: 0o700 });
    const line = new RegExp(`^${this.user}:[^:]*:(\\d+):(\\d+):`, "m").exec(await readFile("/etc/passwd", "utf8"));
    for (const path of [this.storagePath, this.imagesPath]) await chown(path, Number(line?.[1]), Number(line?.[2]));
  }

  async #mountPool(): Promise<void> {
    await run("mkfs.btrfs", "--quiet", storageFile);
    await mkdir(pool);
    await run("mount", "-o", "loop", storageFile, pool);
    await mkdir(join(pool, "home"));
    await run("mount", "--bind", join(pool, "home"), this.storagePath);
  }

  async #makeLink(): Promise<void> {
    // no IPv6 address, and so none of its small talk among the bytes that are counted
    await ipBatch(
      [],
      [
        `netns add ${namespace}`,
        `link add ${ourLink} type veth peer name ${theirLink} netns ${namespace}`,
        `link set ${ourLink} addrgenmode none up`,
        `address add 10.99.0.1/24 dev ${ourLink}`,
      ],
    );
    await ipBatch(
      ["-n", namespace],
      [
        `link set ${theirLink} addrgenmode none up`,
        "link set lo up",
        `address add ${this.address}/24 dev ${theirLink}`,
      ],
    );
  }

  async #writeSshdConfig(shell: boolean): Promise<void> {
    await mkdir("/run/sshd", { recursive: true, mode: 0o755 });
    const config = [
      `HostKey ${this.hostKeyFile}`,
      `ListenAddress ${this.address}`,
      `AuthorizedKeysFile ${root}/authorized_keys`,
      "StrictModes no",
      "UsePAM no",
      "UseDNS no",
      "PidFile none",
      "MaxStartups 100",
      "Subsystem sftp internal-sftp",
      "DisableForwarding yes",
      ...(this.#helper === undefined
        ? [...(shell ? [] : ["ForceCommand internal-sftp"])]
        : sshdText(this.user, this.storagePath)
            .split("\n")
            .filter((line) => line.startsWith(" ") && !line.includes("AuthorizedKeysFile"))
            // then it is beside the key alone
            .filter((line) => !(shell && line.includes("ForceCommand")))),
    ];
    await writeFile(join(root, "sshd_config"), `${config.join("\n")}\n`);
  }

  #sshdArgs(): string[] {
    if (this.#administrator === undefined) return ["-f", join(root, "sshd_config")];
    const options = [
      `HostKey=${this.hostKeyFile}`,
      `ListenAddress=${this.address}`,
      "UsePAM=no",
      "UseDNS=no",
      // and no PidFile: whoever sets the host up at its console finds sshd by the usual one
    ];
    return ["-f", "/etc/ssh/sshd_config", ...options.flatMap((option) => ["-o", option])];
  }

  async #letIn(administrator: string, publicKey: string): Promise<void> {
    await mkdir(dirname(administrator), { recursive: true, mode: 0o700 });
    await makeKey(administrator);
    const { uid, gid } = await stat(this.storagePath);
    const homes = [
      { home: "/root", key: await readFile(`${administrator}.pub`, "utf8"), uid: 0, gid: 0 },
      { home: this.storagePath, key: publicKey, uid, gid },
    ];
    for (const { home, key, uid, gid } of homes) {
      await mkdir(join(home, ".ssh"), { recursive: true, mode: 0o700 });
      await writeFile(join(home, ".ssh/authorized_keys"), key, { mode: 0o600 });
      for (const path of [".ssh", ".ssh/authorized_keys"]) await chown(join(home, path), uid, gid);
    }
  }

  async #netem(...shape: string[]): Promise<void> {
    // a queue for what a fast writer has under way on a long link; the default drops at 1000 packets
    const rest = ["root", "netem", ...shape, "limit", "100000"];
    await run("tc", "qdisc", "replace", "dev", ourLink, ...rest);
    await run("tc", "-n", namespace, "qdisc", "replace", "dev", theirLink, ...rest);
  }

  async #takeDown(): Promise<void> {
    if (existsSync(`/run/netns/${namespace}`)) await run("ip", "netns", "delete", namespace);
    // goes with the namespace, but a moment later
    if (existsSync(`/sys/class/net/${ourLink}`)) await tryRun("ip", "link", "delete", ourLink);
    const mounts = await readFile("/proc/self/mountinfo", "utf8");
    for (const path of [this.storagePath, pool]) if (mounts.includes(` ${path} `)) await run("umount", path);
    if (new RegExp(`^${this.user}:`, "m").test(await readFile("/etc/passwd", "utf8"))) {
      await run("userdel", "--force", this.user);
    }
    await removeHelper(this.user);
    await rm(root, { recursive: true, force: true });
  }
}

/** Of the key that may run commands, where the other one may not. */
export function shellIdentity(identityFile: string): string {
  return `${identityFile}-shell`;
}

/** Source: ip(8), -batch. */
async function ipBatch(options: readonly string[], lines: readonly string[]): Promise<void> {
  const stdin = lines.map((line) => `${line}\n`).join("");
  await mustRun(exec, { file: "ip", args: [...options, "-batch", "-"], stdin, deadlineMs });
}

async function makeKey(path: string): Promise<void> {
  for (const file of [path, `${path}.pub`]) await rm(file, { force: true });
  await run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path);
}

async function copyKey(from: string, to: string): Promise<void> {
  for (const end of ["", ".pub"]) await copyFile(`${from}${end}`, `${to}${end}`);
  await chmod(to, 0o600);
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!hasErrno(error, "ESRCH")) throw error; // it ended by itself
  }
}
