/** A volume: an image on a remote, with its file system and its key. */

import * as z from "zod";
import { absolutePathSchema, imageSchema, nameSchema } from "../../common/config/names.ts";
import { sizeSchema } from "../../common/config/quantity.ts";
import { formatBytes } from "../../common/units.ts";
import { type FilesystemType, filesystemKinds, filesystemTypes } from "../filesystem/kind.ts";
import { type Argv, commandSchema } from "./command.ts";

/** How a key becomes the volume key's wrapper. Iterations stand only where a test wants it cheap. */
export type Kdf = { readonly type: "argon2id" } | { readonly type: "pbkdf2"; readonly iterations: number };

/** Where the key of a volume comes from, each time that it is needed. */
export type KeySource =
  | {
      readonly from: "file";
      /** Absolute path. */
      readonly path: string;
      /** The configuration names no key: the agent makes one when it creates the volume. */
      readonly generated: boolean;
    }
  | { readonly from: "command"; readonly argv: Argv }
  | { readonly from: "credential"; readonly name: string };

/** One that the agent makes itself when it is not there yet. */
export function isGenerated(key: KeySource): key is KeySource & { readonly from: "file" } {
  return key.from === "file" && key.generated;
}

export interface Growth {
  readonly stepBytes: number;
  /** It does not grow beyond. */
  readonly limitBytes: number;
}

export interface VolumeConfig {
  readonly name: string;
  readonly remote: string;
  /** One file name in the remote's directory. */
  readonly image: string;
  /** A multiple of 4096; of one that grows by itself, what it begins with. */
  readonly sizeBytes: number;
  /** It grows by itself when a backup would fill it. */
  readonly growth: Growth | undefined;
  readonly filesystem: FilesystemType;
  /** "zstd:3", as btrfs is told when it is mounted for writing. Undefined: what is written is not compressed. */
  readonly compression: string | undefined;
  readonly key: KeySource;
  /** Left out: as cryptsetup chooses. */
  readonly kdf: Kdf | undefined;
}

/** Whichever file system is in it. */
const minSizeBytes = Math.min(...filesystemTypes.map((type) => filesystemKinds[type].leastImageBytes));
/** The sector size of the mapping: cryptsetup(8) --sector-size 4096. */
const sectorBytes = 4096;
/** Less is hardly worth an attachment of its own. */
const minStepBytes = 16 * 2 ** 20;
/** cryptsetup refuses fewer (LUKS2 docs, "pbkdf-force-iterations"). */
const minIterations = 1000;

/** btrfs(5), "compress": 1 is quickest, 15 smallest; 3 is what zstd and btrfs use when nobody chooses. */
const compressionPattern = /^(?:none|zstd:(?:[1-9]|1[0-5]))$/;
const defaultCompression = "zstd:3";

/** As systemd takes it for LoadCredential=: a file name (systemd.exec(5), "Credentials"). */
const credentialPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$/;

const keySources = ["file", "command", "credential"] as const;

const keySchema = z
  .strictObject({
    file: absolutePathSchema
      .optional()
      .describe("Key file, mode 0400, made by you; its bytes are the key, all of them"),
    command: commandSchema
      .optional()
      .describe("Program and arguments, run as root and without a shell; what it prints is the key, every byte of it"),
    credential: z
      .string()
      .regex(credentialPattern, "must be the name of a systemd credential: letters, digits, _, . and -")
      .optional()
      .describe("Name of a systemd credential of the agent's service (LoadCredential=); its bytes are the key"),
  })
  .superRefine((key, context) => {
    const given = keySources.filter((source) => key[source] !== undefined);
    if (given.length === 1) return;
    const message =
      given.length === 0
        ? "must name one of file, command and credential; leave out the whole of key to have one made"
        : `must be one of ${given.join(" and ")}, not both`;
    context.addIssue({ code: "custom", path: [given[1] ?? "file"], message });
  });

const kdfSchema = z.discriminatedUnion(
  "type",
  [
    z.strictObject({ type: z.literal("argon2id") }),
    z.strictObject({
      type: z.literal("pbkdf2"),
      iterations: z
        .int()
        .min(minIterations)
        .max(2 ** 31 - 1),
    }),
  ],
  { error: "must be { type: argon2id }, or { type: pbkdf2, iterations: NUMBER }" },
);

const sizeOfImage = sizeSchema({ min: minSizeBytes, step: sectorBytes });

const growingSchema = z.strictObject({
  auto: z
    .strictObject({
      start: sizeOfImage.describe("What it begins with"),
      step: sizeSchema({ min: minStepBytes, step: sectorBytes }).describe("It grows by this, or a multiple"),
      limit: sizeOfImage.describe("It does not grow beyond this"),
    })
    .superRefine(({ start, limit }, context) => {
      if (limit >= start) return;
      context.addIssue({ code: "custom", path: ["limit"], message: "must not be less than start" });
    }),
});

const volumeFields = z.strictObject({
  remote: nameSchema.describe("The remote that stores the image"),
  image: imageSchema.describe("File name of the image in the remote's directory"),
  size: z
    .union([sizeOfImage, growingSchema])
    .describe(
      "Size of the image, such as 200G, which is sparse; or one that grows by itself when a backup would fill it",
    ),
  filesystem: z
    .enum(filesystemTypes)
    .default("ext4")
    .describe("ext4, or btrfs, which has checksums of everything; for good, once the volume is made"),
  compression: z
    .string()
    .regex(compressionPattern, { error: "must be none, or zstd: and a level from 1 to 15, such as zstd:3" })
    .optional()
    .describe("Of what is written from now on, with btrfs: none, or zstd:1 to zstd:15; left out: zstd:3"),
  key: keySchema.optional().describe("Left out: luksmith volume create makes keys/<volume>.key beside this file"),
  kdf: kdfSchema.optional().describe("Key derivation of the key slots; left out: Argon2id as cryptsetup chooses it"),
});

export const volumeFileSchema = volumeFields.superRefine(({ size, filesystem, compression }, context) => {
  if (compression !== undefined && filesystem !== "btrfs") {
    const message = `${filesystem} does not compress; btrfs does`;
    context.addIssue({ code: "custom", path: ["compression"], message });
  }
  const { leastImageBytes } = filesystemKinds[filesystem];
  const [bytes, path] = typeof size === "number" ? [size, ["size"]] : [size.auto.start, ["size", "auto", "start"]];
  if (bytes >= leastImageBytes) return;
  const message = `must be at least ${formatBytes(leastImageBytes)} for ${filesystem}`;
  context.addIssue({ code: "custom", path, message });
});

export function toVolumeConfig(
  name: string,
  { size, key, kdf, compression, ...rest }: z.output<typeof volumeFileSchema>,
  configDir: string,
): VolumeConfig {
  const growing = typeof size === "number" ? undefined : size.auto;
  return {
    name,
    ...rest,
    sizeBytes: growing?.start ?? (size as number),
    growth: growing && { stepBytes: growing.step, limitBytes: growing.limit },
    compression: rest.filesystem === "btrfs" ? compressionOf(compression) : undefined,
    key: toKeySource(key, `${configDir}/keys/${name}.key`),
    kdf,
  };
}

function toKeySource(key: z.output<typeof keySchema> | undefined, generatedPath: string): KeySource {
  if (key?.command !== undefined) return { from: "command", argv: key.command };
  if (key?.credential !== undefined) return { from: "credential", name: key.credential };
  return { from: "file", path: key?.file ?? generatedPath, generated: key?.file === undefined };
}

function compressionOf(configured = defaultCompression): string | undefined {
  return configured === "none" ? undefined : configured;
}
