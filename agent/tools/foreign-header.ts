/**
 * A LUKS2 header that somebody else has made: nobody vouches for what stands in it. What of it is used is written out here; the
 * rest is refused. Source: LUKS2 On-Disk Format Specification, 1.1; cryptsetup-luksDump(8), --dump-json-metadata
 */

import * as z from "zod";
import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords, mustRead, mustRun } from "../../common/exec.ts";
import { parseJson } from "../../common/parse-json.ts";
import { cipher } from "./cryptsetup.ts";
import { volumeDeadlineMs, wholeVolumeDeadlineMs } from "./deadlines.ts";

/** The binary part of each of the two copies of the metadata. */
const binaryPartBytes = 4096;
/** The specification's own limits: metadata of 4 MiB each, and 128 MiB of key slots. */
const mostHeaderBytes = 2 * 4 * 2 ** 20 + 128 * 2 ** 20;
/** aes-xts with two keys of 128 or 256 bits. */
const knownKeyBits = [256, 512];
/** Of the anti-forensic splitter; cryptsetup has no others. */
const knownStripes = 4000;
const knownSectorBytes = [512, 4096];
/** cryptsetup puts data at 16 MiB, and with RAID a little further on. */
const mostDataOffsetBytes = 2 ** 30;
/** What a slot may cost whoever tries a key: beyond that its maker wants the machine to stand still. cryptsetup's own makes 1 to 4 seconds. */
const mostIterations = 100_000_000;
/** cryptsetup's own limits for what it makes. */
const mostArgonKiB = 4 * 2 ** 20;
const mostArgonThreads = 4;
/** Gibibytes of memory, times passes over it: some minutes. */
const mostArgonGiBPasses = 256;

export interface ForeignHeader {
  readonly uuid: string;
  readonly cipher: string;
  readonly volumeKeyBits: number;
  readonly sectorBytes: number;
  /** Where the data begins in the image. */
  readonly dataOffsetBytes: number;
  /** Of one of the two copies, with which the header begins; the area of the key slots follows. */
  readonly metadataBytes: number;
  /** All of it. */
  readonly headerBytes: number;
  /** The key derivation of each slot. */
  readonly slots: readonly string[];
  /** Types of what else could open it, such as "systemd-tpm2". */
  readonly tokens: readonly string[];
}

const bytes = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform(Number);
const count = z.int().nonnegative().optional();
const kdfSchema = z.looseObject({ type: z.string(), iterations: count, time: count, memory: count, cpus: count });
const schema = z.looseObject({
  keyslots: z.record(
    z.string(),
    z.looseObject({
      type: z.string(),
      key_size: z.int().optional(),
      kdf: kdfSchema.optional(),
      area: z.looseObject({ type: z.string(), encryption: z.string(), key_size: z.int() }).optional(),
      af: z.looseObject({ type: z.string(), stripes: z.int() }).optional(),
    }),
  ),
  tokens: z.record(z.string(), z.looseObject({ type: z.string() })),
  segments: z.record(z.string(), z.looseObject({ type: z.string() })),
  digests: z.record(
    z.string(),
    z.looseObject({
      keyslots: z.array(z.string()),
      segments: z.array(z.string()),
      iterations: count,
    }),
  ),
  config: z.looseObject({
    json_size: bytes,
    keyslots_size: bytes,
    requirements: z.looseObject({ mandatory: z.array(z.string()).optional() }).optional(),
  }),
});
const segmentSchema = z.strictObject({
  type: z.literal("crypt"),
  offset: bytes,
  size: z.literal("dynamic"),
  iv_tweak: z.literal("0"),
  encryption: z.string(),
  sector_size: z.int(),
});

/** @param file an image, or a header alone @throws {LuksmithError} "usage" with what it is instead */
export async function readForeignHeader(exec: Exec, file: string, signal: AbortSignal): Promise<ForeignHeader> {
  const isLuks = async (type: string) => {
    const args = ["isLuks", "--type", type, "--", file];
    return (await exec({ file: "cryptsetup", args, deadlineMs: volumeDeadlineMs, signal })).exitCode === 0;
  };
  if (!(await isLuks("luks2"))) {
    signal.throwIfAborted();
    if (!(await isLuks("luks1"))) throw refused("it is not LUKS2: it begins with no header that cryptsetup knows");
    throw refused("it is LUKS1, not LUKS2", "by hand, on a copy: cryptsetup convert --type luks2 IMAGE");
  }
  const dump = ["luksDump", "--dump-json-metadata", "--", file];
  const json = await mustRead(exec, { file: "cryptsetup", args: dump, deadlineMs: volumeDeadlineMs, signal });
  const ask = ["luksUUID", "--", file];
  const uuid = await mustRead(exec, { file: "cryptsetup", args: ask, deadlineMs: volumeDeadlineMs, signal });
  return parseForeignHeader(parseJson(json.toString()), uuid.toString().trim());
}

/** Pure. @throws {LuksmithError} "usage" for whatever a volume could not be, or a hostile host could have put there */
export function parseForeignHeader(json: unknown, uuid: string): ForeignHeader {
  const parsed = schema.safeParse(json);
  if (!parsed.success || !z.uuid().safeParse(uuid).success) throw refused("its header cannot be understood");
  const { keyslots, tokens, segments, digests, config } = parsed.data;
  // of all of them: which are tried is cryptsetup's choice
  for (const costs of [...Object.values(keyslots).map(({ kdf }) => kdf), ...Object.values(digests)]) {
    const excess = costs === undefined ? undefined : excessOf(costs);
    if (excess !== undefined) throw refused(`to try a key on it takes ${excess}`);
  }
  const mandatory = config.requirements?.mandatory ?? [];
  const isReencrypted = Object.values(keyslots).some(({ type }) => type === "reencrypt");
  if (isReencrypted || mandatory.some((name) => name.includes("reencrypt"))) {
    throw refused("it is being re-encrypted", "by hand, to its end: cryptsetup reencrypt IMAGE");
  }
  if (mandatory.length > 0) throw refused(`its header demands ${mandatory.join(", ")}`);
  const [segment, ...more] = Object.values(segments);
  if (segment === undefined || more.length > 0)
    throw refused(`it has ${more.length + (segment ? 1 : 0)} segments of data`);
  if ("integrity" in segment) throw refused("it has LUKS2's integrity, which is experimental and knows no TRIM");
  const data = segmentSchema.safeParse(segment);
  if (!data.success) throw refused(`its data is not what cryptsetup luksFormat makes (${segment.type})`);
  const { encryption, sector_size: sectorBytes, offset: dataOffsetBytes } = data.data;
  // above all "cipher_null": it opens with the right key, and everything that is written then stands there in plain text
  if (encryption !== cipher) throw refused(`its cipher is ${encryption}, not ${cipher}`);
  if (!knownSectorBytes.includes(sectorBytes)) throw refused(`its sectors are of ${sectorBytes} bytes`);
  const [segmentName] = Object.keys(segments);
  const bound = Object.values(digests).filter((digest) => digest.segments.includes(segmentName ?? ""));
  const slots = bound.flatMap((digest) => digest.keyslots.map((name) => keyslots[name]));
  const [first] = slots;
  const keyBits = (first?.key_size ?? 0) * 8;
  const areSlots = slots.every(
    (slot) => slot?.type === "luks2" && slot.kdf !== undefined && slot.key_size === first?.key_size,
  );
  if (bound.length !== 1 || !areSlots || slots.length === 0) throw refused("it has no key slots that open its data");
  if (!knownKeyBits.includes(keyBits)) throw refused(`its key is of ${keyBits} bits`);
  for (const slot of slots) {
    const { area, af } = slot ?? {};
    // what is not encrypted in a slot is a key that whoever made the header knows, and that any passphrase opens
    if (area?.type !== "raw" || area.encryption !== cipher || !knownKeyBits.includes(area.key_size * 8)) {
      throw refused(`a key slot of it is encrypted with ${area?.encryption ?? "nothing"}, not ${cipher}`);
    }
    if (af?.type !== "luks1" || af.stripes !== knownStripes)
      throw refused("a key slot of it is not split as LUKS does it");
  }
  if (dataOffsetBytes > mostDataOffsetBytes) throw refused(`its data begin only at byte ${dataOffsetBytes}`);
  const metadataBytes = config.json_size + binaryPartBytes;
  const headerBytes = 2 * metadataBytes + config.keyslots_size;
  if (headerBytes > Math.min(mostHeaderBytes, dataOffsetBytes) || dataOffsetBytes % sectorBytes !== 0) {
    throw refused("its header reaches into its data");
  }
  return {
    uuid,
    cipher: encryption,
    volumeKeyBits: keyBits,
    sectorBytes,
    dataOffsetBytes,
    metadataBytes,
    headerBytes,
    slots: slots.map((slot) => slot?.kdf?.type ?? ""),
    tokens: Object.values(tokens).map(({ type }) => type),
  };
}

interface Costs {
  readonly iterations?: number | undefined;
  readonly time?: number | undefined;
  readonly memory?: number | undefined;
  readonly cpus?: number | undefined;
}

/** What of a key derivation is too much, in words. Others than these two cryptsetup refuses itself. */
function excessOf({ iterations = 0, time = 0, memory = 0, cpus = 0 }: Costs): string | undefined {
  if (iterations > mostIterations) return `${iterations} iterations`;
  if (memory > mostArgonKiB) return `${memory} KiB of memory`;
  if (cpus > mostArgonThreads) return `${cpus} threads`;
  return (memory / 2 ** 20) * time > mostArgonGiBPasses ? `${time} passes over ${memory} KiB of memory` : undefined;
}

function refused(what: string, hint?: string): LuksmithError {
  const step =
    hint ??
    "what luksmith can take over is LUKS2 with aes-xts-plain64, as cryptsetup luksFormat makes it; nothing was changed";
  return new LuksmithError("usage", `the image cannot become a volume: ${what}`, { hint: step });
}

/** Byte for byte: `cryptsetup luksHeaderBackup` would leave out what is in no slot, and the two could not be compared any more. */
export async function copyForeignHeader(
  exec: Exec,
  { from, to, headerBytes }: { from: string; to: string; headerBytes: number },
  signal: AbortSignal,
): Promise<void> {
  const args = [`if=${from}`, `of=${to}`, "bs=64K", `count=${headerBytes}`, "iflag=count_bytes,fullblock"];
  const copied = await exec({
    file: "dd",
    args: [...args, "conv=nocreat,notrunc,fsync", "status=none"],
    deadlineMs: wholeVolumeDeadlineMs,
    signal,
  });
  if (copied.exitCode === 0) return;
  throw new LuksmithError("tool_failed", `the header cannot be copied: ${lastWords(copied)}`, { cause: copied });
}

/**
 * Puts a header with more slots over the one that it was made of. The new slots first, then one copy of the metadata, then the other:
 * at any moment one of the two is whole, and cryptsetup takes that.
 */
export async function storeForeignHeader(
  exec: Exec,
  { from, to, header }: { from: string; to: string; header: ForeignHeader },
  signal: AbortSignal,
): Promise<void> {
  const { metadataBytes, headerBytes } = header;
  const pieces = [
    { offset: 2 * metadataBytes, length: headerBytes - 2 * metadataBytes },
    { offset: metadataBytes, length: metadataBytes },
    { offset: 0, length: metadataBytes },
  ];
  for (const { offset, length } of pieces) {
    const where = ["bs=64K", `skip=${offset}`, `seek=${offset}`, `count=${length}`];
    const flags = ["iflag=skip_bytes,count_bytes,fullblock", "oflag=seek_bytes", "conv=nocreat,notrunc,fsync"];
    const args = [`if=${from}`, `of=${to}`, ...where, ...flags, "status=none"];
    await mustRun(exec, { file: "dd", args, deadlineMs: wholeVolumeDeadlineMs, signal });
  }
}
