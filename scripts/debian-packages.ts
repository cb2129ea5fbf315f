/** What luksmith's tests, demo and benchmark need of Debian, and why: the one list. */

export type Purpose = "test" | "bench";

export interface DebianPackage {
  readonly name: string;
  readonly because: string;
}

const lab: readonly DebianPackage[] = [
  { name: "qemu-system-x86", because: "the lab's virtual machine" },
  { name: "kmod", because: "its kernel modules" },
  { name: "xz-utils", because: "unpacking its kernel" },
  { name: "iproute2", because: "the link to the lab's second host" },
  { name: "openssh-server", because: "the second host's sshd (no service is started here)" },
];

const agent: readonly DebianPackage[] = [
  { name: "openssh-client", because: "the way to the backup host" },
  { name: "sshfs", because: "its directory, mounted" },
  { name: "fuse3", because: "sshfs' other half" },
  { name: "cryptsetup-bin", because: "LUKS" },
  { name: "dmsetup", because: "looking at what the kernel was told" },
  { name: "e2fsprogs", because: "ext4" },
  { name: "rsync", because: "copying" },
];

const helper: readonly DebianPackage[] = [
  { name: "nbd-server", because: "serving images as block devices (no service is started here)" },
  { name: "nbd-client", because: "using them" },
  { name: "socat", because: "carrying their bytes" },
  { name: "sudo", because: "how a machine's user starts it" },
  { name: "bubblewrap", because: "the sandbox that a machine's SFTP runs in" },
  { name: "nftables", because: "guarding the ports" },
  { name: "quota", because: "limiting what a machine may store" },
  { name: "btrfs-progs", because: "a volume's other file system, and storage with reflinks, for checkpoints" },
  { name: "xfsprogs", because: "the other storage with reflinks" },
];

const checks: readonly DebianPackage[] = [
  { name: "acl", because: "tests compare ACLs" },
  { name: "attr", because: "tests compare extended attributes" },
  { name: "bindfs", because: "a user's file system that tells of files what is not true" },
  { name: "libfaketime", because: "an agent whose clock is wrong" },
  { name: "systemd", because: "the unit file is tried under it (nothing is started here)" },
];

const controller: readonly DebianPackage[] = [
  { name: "postgresql", because: "the controller's other store (no service is started here but the tests' own)" },
];

const rivals: readonly DebianPackage[] = [
  { name: "restic", because: "the benchmark compares with it" },
  { name: "borgbackup", because: "the benchmark compares with it" },
];

export function packagesFor(purpose: Purpose): readonly DebianPackage[] {
  const common = [...lab, ...agent, ...helper, ...controller, ...checks];
  return purpose === "bench" ? [...common, ...rivals] : common;
}
