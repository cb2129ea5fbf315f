/** The two calls by which the kernel is asked where a file lies, and to read it: Node has no way of its own for either. */

import { type KoffiFunc, load } from "koffi";

/** Documentation/filesystems/fiemap.rst: struct fiemap, without and with one struct fiemap_extent. */
const headerBytes = 32;
const extentBytes = 56;
const lengthOffset = 8;
const mappedExtentsOffset = 20;
const extentCountOffset = 24;
const physicalOffset = headerBytes + 8;
/** _IOWR('f', 11, struct fiemap), of linux/fs.h: the same on x86-64 and arm64. */
const fsIocFiemap = 0xc020660b;
/** posix_fadvise(2). */
const willNeed = 3;

/** What is asked for in the beginning: one extent, of whatever length. */
export function fiemapRequest(): Buffer {
  const request = Buffer.alloc(headerBytes + extentBytes);
  request.writeBigUInt64LE(0xffff_ffff_ffff_ffffn, lengthOffset);
  request.writeUInt32LE(1, extentCountOffset);
  return request;
}

/** @returns where on the device the file's first byte lies; 0 when it is nowhere, or in its inode */
export function firstByteOf(answer: Buffer): number {
  return answer.readUInt32LE(mappedExtentsOffset) === 0 ? 0 : Number(answer.readBigUInt64LE(physicalOffset));
}

export interface Advice {
  /** In bytes from the beginning of the device, to sort by; 0 when it cannot be told. */
  firstByte(fd: number): number;
  /** Begins to read the file's first bytes into the page cache, and does not wait for them. */
  willNeed(fd: number, bytes: number): void;
}

export function openAdvice(): Advice {
  const library = load(null);
  const ioctl: KoffiFunc<(fd: number, request: number, argument: Buffer) => number> = library.func(
    "int ioctl(int fd, unsigned long request, _Inout_ uint8_t *argument)",
  );
  const fadvise: KoffiFunc<(fd: number, from: number, bytes: number, advice: number) => number> = library.func(
    "int posix_fadvise(int fd, int64_t from, int64_t bytes, int advice)",
  );
  return {
    firstByte(fd) {
      const request = fiemapRequest();
      return ioctl(fd, fsIocFiemap, request) === 0 ? firstByteOf(request) : 0;
    },
    willNeed(fd, bytes) {
      fadvise(fd, 0, bytes, willNeed);
    },
  };
}
