/** The emulator's command line, as a pure function of what the machine is to have. */

/**
 * What programs choose for a processor that has AVX is slower than what they do without, when it is emulated: measured, Node starts in
 * half the time without, ssh carries a third more bytes, and only the kernel's AES is slower, which is not what anybody waits for.
 * "rep movsb" and "rep stosb", which kernel and C library take for large pieces where ERMS says that they are quick, are emulated a
 * byte at a time: without, memory is cleared in a fifth of the time, and a backup takes a fifth less.
 */
const emulatedCpu = "max,-avx,-avx2,-erms,-fsrm";

export interface MachineSpec {
  readonly kernel: string;
  readonly initramfs: string;
  /** Put on the kernel's command line as `lab.KEY=VALUE`, read by guest/serve.sh. */
  readonly settings: Readonly<Record<string, string>>;
  readonly accelerator: "tcg" | "kvm";
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly tscKhz: number | undefined;
  readonly consoleLog: string;
  /** Unix sockets that somebody already listens on, one per channel. */
  readonly sockets: Readonly<Record<Channel, string>>;
  /** Directories shared with the guest by tag. */
  readonly shares: readonly { readonly tag: string; readonly path: string; readonly readOnly: boolean }[];
  /** A raw file that is the guest's /dev/vda; it has to load virtio_blk for that. */
  readonly disk?: string | undefined;
}

export const channels = ["control", "stdout", "stderr", "terminal"] as const;
export type Channel = (typeof channels)[number];

/** Cache of translated code; the default of 1 GiB would be twice that for two machines side by side. */
const translationCacheMiB = 512;

/** Source: qemu-system-x86_64(1), docs/system/i386/microvm.rst. */
export function qemuArguments(spec: MachineSpec): string[] {
  const commandLine = [
    "console=ttyS0",
    "loglevel=4",
    // a panic ends the emulator at once (with -no-reboot): better than a machine that stands still
    "panic=-1",
    "reboot=t",
    // there are no secrets of anybody in the guest, and emulated mitigations cost time
    "mitigations=off",
    // the emulator keeps translated code by its address: with random ones each start of a program translates it anew,
    // which takes as long again as everything else about it
    "norandmaps",
    // nothing that is tried here depends on them, and each costs something in every process or page
    ...["init_on_alloc=0", "apparmor=0", "audit=0", "cryptomgr.notests"],
    ...(spec.tscKhz === undefined || spec.accelerator === "kvm" ? [] : trustedTsc(spec.tscKhz)),
    ...Object.entries(spec.settings).map(([key, value]) => `lab.${key}=${value}`),
  ];
  return [
    "-M",
    "microvm",
    "-accel",
    spec.accelerator === "kvm" ? "kvm" : `tcg,thread=multi,tb-size=${translationCacheMiB}`,
    ...["-cpu", spec.accelerator === "kvm" ? "max" : emulatedCpu, "-smp", `${spec.cpus}`, "-m", `${spec.memoryMiB}M`],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-kernel", spec.kernel, "-initrd", spec.initramfs, "-append", commandLine.join(" ")],
    ...["-chardev", `file,id=console,path=${escaped(spec.consoleLog)}`, "-serial", "chardev:console"],
    ...["-device", "virtio-rng-device", "-device", "virtio-serial-device"],
    ...channels.flatMap((channel) => [
      "-chardev",
      `socket,id=${channel},path=${escaped(spec.sockets[channel])}`,
      "-device",
      // guest/serve.sh knows the ports by their names; the console is /dev/hvc0
      `${channel === "terminal" ? "virtconsole" : "virtserialport"},chardev=${channel},name=${channel}`,
    ]),
    ...spec.shares.flatMap(({ tag, path, readOnly }) => [
      "-fsdev",
      // remap: the tree may span several file systems, whose inode numbers collide
      `local,id=${tag},path=${escaped(path)},security_model=none,multidevs=remap${readOnly ? ",readonly=on" : ""}`,
      "-device",
      `virtio-9p-device,fsdev=${tag},mount_tag=${tag}`,
    ]),
    ...(spec.disk === undefined ? [] : diskArguments(spec.disk)),
  ];
}

/**
 * What the guest has written to it is the host's as soon as the emulator has said so, and outlives the emulator; what
 * is still in the guest's own memory goes with it.
 */
function diskArguments(path: string): string[] {
  const drive = `if=none,id=disk,format=raw,cache=writeback,file=${escaped(path)}`;
  return ["-drive", drive, "-device", "virtio-blk-device,drive=disk"];
}

/** A path as a setting: the kernel's command line is cut at blanks. guest/init.sh reads it with printf's %b. */
export function asSetting(path: string): string {
  return Array.from(Buffer.from(path), (byte) => {
    const character = String.fromCharCode(byte);
    return /[\w/.-]/.test(character) ? character : `\\x${byte.toString(16).padStart(2, "0")}`;
  }).join("");
}

/**
 * "reliable", because otherwise the guest distrusts the counter for lack of a second clock and falls back to counting
 * its 4 ms ticks: delays of the link would be rounded up to that, and time would stand still while the host is busy.
 */
function trustedTsc(khz: number): string[] {
  return [`tsc_early_khz=${khz}`, "tsc=reliable"];
}

/** In qemu's option lists a comma ends the value unless it is doubled. */
function escaped(path: string): string {
  return path.replaceAll(",", ",,");
}
