import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { asSetting, type MachineSpec, qemuArguments } from "../../lab/harness/qemu.ts";

const spec: MachineSpec = {
  kernel: "/cache/kernel",
  initramfs: "/tmp/initramfs",
  settings: { modules: "/cache/modules" },
  accelerator: "tcg",
  cpus: 2,
  memoryMiB: 2048,
  tscKhz: 2_600_000,
  consoleLog: "/tmp/a,b/console.log",
  sockets: { control: "/tmp/c", stdout: "/tmp/o", stderr: "/tmp/e", terminal: "/tmp/t" },
  shares: [
    { tag: "root", path: "/", readOnly: true },
    { tag: "out", path: "/tmp/out", readOnly: false },
  ],
};

const after = (args: readonly string[], option: string) =>
  args.flatMap((word, index) => (word === option ? [args[index + 1] ?? ""] : []));

describe("the emulator's command line", () => {
  it("shares the root read-only and nothing else so", () => {
    const shares = after(qemuArguments(spec), "-fsdev");
    assert.deepEqual(
      shares.map((share) => [share.split(",")[1], share.endsWith(",readonly=on")]),
      [
        ["id=root", true],
        ["id=out", false],
      ],
    );
  });

  it("doubles the commas of paths", () => {
    assert.ok(after(qemuArguments(spec), "-chardev").includes("file,id=console,path=/tmp/a,,b/console.log"));
  });

  it("has a disk where one is given", () => {
    assert.deepEqual(after(qemuArguments(spec), "-drive"), []);
    const [drive] = after(qemuArguments({ ...spec, disk: "/tmp/a,b/disk" }), "-drive");
    assert.match(drive ?? "", /,format=raw,.*,file=\/tmp\/a,,b\/disk$/);
  });

  it("vouches for the clock only when its frequency is known, and never under KVM, which does it itself", () => {
    const commandLine = (changed: Partial<MachineSpec>) => after(qemuArguments({ ...spec, ...changed }), "-append")[0];
    assert.match(commandLine({}) ?? "", / tsc_early_khz=2600000 tsc=reliable( |$)/);
    assert.doesNotMatch(commandLine({ tscKhz: undefined }) ?? "", /tsc/);
    assert.doesNotMatch(commandLine({ accelerator: "kvm" }) ?? "", /tsc/);
  });

  it("takes a path of any characters for a setting", () => {
    assert.equal(asSetting("/tmp/luksmith-1.0_x"), "/tmp/luksmith-1.0_x");
    assert.equal(asSetting("/tmp/a b\\c\u00e9"), "/tmp/a\\x20b\\x5cc\\xc3\\xa9");
  });
});
