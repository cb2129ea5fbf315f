/** A limit to what a user may have on a file system that counts it: ext4 with the feature "quota", mounted "usrquota". */

import { readFile, stat } from "node:fs/promises";
import { errno, type KoffiFunc, load } from "koffi";

/** quotactl(2): QCMD(command, USRQUOTA); struct if_dqblk of linux/quota.h, nine numbers of 64 bits. */
const getUserQuota = 0x800007 * 2 ** 8;
const setUserQuota = 0x800008 * 2 ** 8;
const structBytes = 72;
const hardLimitAt = 0;
const usedBytesAt = 16;
const validAt = 64;
/** QIF_BLIMITS: only the limits to blocks, of 1 KiB, are set. */
const blockLimits = 1;
const blockBytes = 1024;

/**
 * The owner of the directory may have so much more than now on its file system. Undefined: as much as there is room.
 * @throws when the file system does not count what users have
 */
export async function limitOwner(directory: string, moreBytes: number | undefined): Promise<void> {
  const quotactl: KoffiFunc<(command: number, device: string, id: number, quota: Buffer) => number> = load(null).func(
    "int quotactl(int command, const char *device, int id, _Inout_ uint8_t *quota)",
  );
  const { uid, dev } = await stat(directory);
  const call = (command: number, quota: Buffer) => {
    // the numbers are those of an int, whose sign they set
    if (quotactl(command | 0, device, uid, quota) !== 0) throw new Error(`quotactl: errno ${errno()}`);
  };
  const device = await deviceOf(dev);
  const now = Buffer.alloc(structBytes);
  call(getUserQuota, now);
  const limit = Buffer.alloc(structBytes);
  const usedBytes = Number(now.readBigUInt64LE(usedBytesAt));
  const blocks = moreBytes === undefined ? 0 : Math.ceil((usedBytes + moreBytes) / blockBytes);
  limit.writeBigUInt64LE(BigInt(blocks), hardLimitAt);
  limit.writeUInt32LE(blockLimits, validAt);
  call(setUserQuota, limit);
}

/** Source: proc_pid_mountinfo(5): the third field is major:minor, the second after " - " the device */
async function deviceOf(dev: number): Promise<string> {
  const number = `${(dev >> 8) & 0xfff}:${dev & 0xff}`;
  const line = (await readFile("/proc/self/mountinfo", "utf8"))
    .split("\n")
    .find((text) => text.split(" ")[2] === number);
  const device = line?.split(" - ")[1]?.split(" ")[1];
  if (device === undefined) throw new Error(`device ${number} is not mounted`);
  return device;
}
