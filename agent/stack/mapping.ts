/** The crypt layer: the mapping, opened by the pinned header alone, and compared with what was pinned before use. */

import { LuksmithError } from "../../common/errors.ts";
import { bytesPerDmSector, type DmTarget } from "../tools/dmsetup.ts";
import type { Pin } from "../volume/pin.ts";

export interface ExpectedStack {
  readonly mapping: string;
  readonly imageDevice: string;
  /** "major:minor" of the device-mapper device below the mapping. */
  readonly imageDeviceNumber: string;
  /** "major:minor" of the block device that the transport has made of the image. */
  readonly transportNumber: string;
}

/**
 * Pure. Compares the live device-mapper tables with the pin: a header is not authenticated, so what counts is what
 * the kernel was told. Format of a crypt line (Documentation/admin-guide/device-mapper/dm-crypt.rst):
 * `CIPHER KEY IV_OFFSET DEVICE OFFSET [#OPT OPT...]`.
 * @throws {LuksmithError} "tampered" naming what differs
 */
export function requireTables(tables: readonly DmTarget[], pin: Pin, expected: ExpectedStack): void {
  const refuse = (what: string) =>
    new LuksmithError("tampered", `the opened volume is not as it was pinned: ${what}`, {
      hint: "nothing was mounted; compare `dmsetup table` with the pinned header",
    });
  const only = (name: string) => {
    const targets = tables.filter((target) => target.name === name);
    const [target] = targets;
    if (target === undefined || targets.length !== 1) throw refuse(`${name} has ${targets.length} targets`);
    return target;
  };

  const crypt = only(expected.mapping);
  // without options there is no count of them either
  const [cipher, key, ivOffset, device, offset, optionCount = "0", ...options] = crypt.args;
  if (crypt.target !== "crypt") throw refuse(`it is a ${crypt.target} target`);
  if (cipher !== pin.cipher) throw refuse(`cipher ${cipher} instead of ${pin.cipher}`);
  if (keyBytes(key) * 8 !== pin.volumeKeyBits)
    throw refuse(`a key of ${keyBytes(key) * 8} bits instead of ${pin.volumeKeyBits}`);
  if (ivOffset !== "0") throw refuse(`IV offset ${ivOffset}`);
  if (device !== expected.imageDeviceNumber) throw refuse(`it lies on device ${device}`);
  if (offset !== `${pin.dataOffsetBytes / bytesPerDmSector}`) throw refuse(`its data begins at sector ${offset}`);
  const dataSectors = (pin.imageBytes - pin.dataOffsetBytes) / bytesPerDmSector;
  if (crypt.start !== 0 || crypt.sectors !== dataSectors)
    throw refuse(`${crypt.sectors} sectors instead of ${dataSectors}`);
  if (optionCount !== `${options.length}`) throw refuse("its options do not add up");
  const sectorSize = `sector_size:${pin.sectorBytes}`;
  // of the smallest the kernel says nothing
  if (pin.sectorBytes !== bytesPerDmSector && !options.includes(sectorSize))
    throw refuse(`its sectors are not of ${pin.sectorBytes} bytes`);
  const unknown = options.find((option) => !allowedOptions.has(option) && option !== sectorSize);
  if (unknown !== undefined) throw refuse(`option ${unknown}`);

  const linear = only(expected.imageDevice);
  const [below, start, ...more] = linear.args;
  if (
    more.length > 0 ||
    linear.target !== "linear" ||
    below !== expected.transportNumber ||
    start !== "0" ||
    linear.start !== 0
  ) {
    throw refuse(`${expected.imageDevice} does not lie on the image`);
  }
  if (linear.sectors * bytesPerDmSector !== pin.imageBytes) throw refuse(`${expected.imageDevice} has another size`);
}

/** Options that change how, not what, dm-crypt writes. */
const allowedOptions = new Set([
  "allow_discards",
  "no_read_workqueue",
  "no_write_workqueue",
  "same_cpu_crypt",
  "submit_from_crypt_cpus",
]);

/** ":64:logon:cryptsetup:..." names a key of 64 bytes in the kernel's keyring; otherwise dmsetup shows zeros, two a byte. */
function keyBytes(key: string | undefined): number {
  const keyring = /^:(\d+):/.exec(key ?? "");
  return keyring ? Number(keyring[1]) : (key ?? "").length / 2;
}
