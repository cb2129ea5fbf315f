/** What an administrator types: everything mounted, used and unmounted for each of them. */

import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { login, type Place, run, type Tool } from "./tool.ts";

const mounted = "/mnt/bench-remote";
const opened = "/mnt/bench-files";
const key = "/run/bench.key";
const mapping = "by-hand";
const imageName = "by-hand.luks";
const image = join(mounted, imageName);

export function byHand(place: Place): Tool {
  const { host, source, target, imageMiB, kdfIterations } = place;
  const type = (file: string, ...args: string[]) => run(place, file, args);
  const connect = () => type("sshfs", `${login(host)}:images`, mounted);
  const disconnect = () => type("fusermount3", "-u", mounted);
  const open = () => type("cryptsetup", "open", image, mapping, "--key-file", key);
  const close = () => type("cryptsetup", "close", mapping);
  const withFiles = async (work: () => Promise<void>) => {
    await connect();
    await open();
    await type("mount", `/dev/mapper/${mapping}`, opened);
    await work();
    await type("umount", opened);
    await close();
    await disconnect();
  };
  /** Whatever waits for the host fails once sshfs is gone; then what it has left goes, from top to bottom. */
  const giveUp = async () => {
    const kill = () => type("pkill", "--signal", "KILL", "--full", `^sshfs .* ${mounted}$`);
    for (const undo of [kill, () => type("umount", opened), close, disconnect]) await undo().catch(() => undefined);
  };
  const kdf = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", `${kdfIterations}`];
  return {
    name: "by hand",
    setUp: async () => {
      for (const directory of [mounted, opened]) await mkdir(directory, { recursive: true });
      await writeFile(key, randomBytes(64), { mode: 0o400 });
      await connect();
      await type("truncate", "-s", `${imageMiB}M`, image);
      await type("cryptsetup", "luksFormat", "-q", ...kdf, image, key);
      await open();
      await type("mkfs.ext4", "-q", "-m0", "-E", "lazy_itable_init=0,lazy_journal_init=0", `/dev/mapper/${mapping}`);
      await close();
      await disconnect();
    },
    backup: () => withFiles(() => type("rsync", "-a", "--delete", `${source}/`, `${opened}/`)),
    restoreOne: (one) => withFiles(() => type("cp", "-a", join(opened, one), target)),
    restoreAll: () => withFiles(() => type("rsync", "-a", "--exclude=/lost+found", `${opened}/`, `${target}/`)),
    restoredTo: target,
    oneRestoredTo: (one) => join(target, basename(one)),
    state: [join(host.imagesPath, imageName)],
    giveUp,
    tearDown: giveUp,
  };
}
