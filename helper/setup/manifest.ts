/** What setup has made on this host, so that it can be taken back, and nothing else. */

import * as z from "zod";
import { writeFileDurably } from "../../common/durable-file.ts";
import { LuksmithError } from "../../common/errors.ts";
import { readIfThere } from "../../common/if-there.ts";
import { parseJson } from "../../common/parse-json.ts";

const of = z.string().nullable();

const madeSchema = z.discriminatedUnion("what", [
  /** `before`: what was there, if anything; `sha256`: of what was put there. */
  z.strictObject({
    what: z.literal("file"),
    of,
    path: z.string(),
    sha256: z.string(),
    before: z.strictObject({ content: z.string(), mode: z.int() }).nullable(),
  }),
  z.strictObject({ what: z.literal("directory"), of, path: z.string() }),
  /** In a machine's directory, made as its user. */
  z.strictObject({ what: z.literal("below"), of, path: z.string() }),
  /** A directory that was there and had another owner or another mode. */
  z.strictObject({ what: z.literal("owned"), of, path: z.string(), uid: z.int(), mode: z.int() }),
  z.strictObject({ what: z.literal("user"), of, name: z.string() }),
  /** The login shell that a user had who was there before. */
  z.strictObject({ what: z.literal("shell"), of, name: z.string(), before: z.string() }),
  /** An entry in helper.yaml. */
  z.strictObject({ what: z.literal("machine"), of }),
  z.strictObject({ what: z.literal("packages"), of, names: z.array(z.string()) }),
  z.strictObject({ what: z.literal("masked"), of, unit: z.string() }),
  z.strictObject({ what: z.literal("enabled"), of, unit: z.string() }),
  z.strictObject({ what: z.literal("firewall"), of }),
  /** sshd has not read yet what was written for it. */
  z.strictObject({ what: z.literal("unread"), of }),
  z.strictObject({ what: z.literal("quota"), of, kind: z.enum(["user", "btrfs"]), mount: z.string() }),
]);

const leftSchema = z.strictObject({ machine: z.string(), uid: z.int(), directory: z.string() });

const manifestSchema = z.strictObject({
  version: z.literal(1),
  made: z.array(madeSchema),
  /** Of machines that are gone: whose files the numbers of their users still stand on. */
  left: z.array(leftSchema),
});

export type Made = z.output<typeof madeSchema>;
export type Left = z.output<typeof leftSchema>;
export type Manifest = z.output<typeof manifestSchema>;

export const emptyManifest: Manifest = { version: 1, made: [], left: [] };

/** Whether both are about the same thing, whatever is known of it. */
function isSame(one: Made, other: Made): boolean {
  return identity(one) === identity(other);
}

function identity(made: Made): string {
  const which =
    "path" in made
      ? made.path
      : "unit" in made
        ? made.unit
        : "name" in made
          ? made.name
          : "names" in made
            ? made.names.join(" ")
            : "";
  return `${made.what} ${made.of ?? ""} ${which}`;
}

/** What was there before the first time stays what was there before. */
export function register(manifest: Manifest, made: Made): Manifest {
  const earlier = manifest.made.find((other) => isSame(other, made));
  const kept = earlier === undefined ? made : withEarlier(made, earlier);
  const others = manifest.made.filter((other) => !isSame(other, made));
  return {
    ...manifest,
    made:
      earlier === undefined ? [...others, kept] : manifest.made.map((other) => (isSame(other, made) ? kept : other)),
  };
}

function withEarlier(made: Made, earlier: Made): Made {
  if (made.what === "file" && earlier.what === "file") return { ...made, before: earlier.before };
  return made.what === "owned" ? earlier : made;
}

export function strike(manifest: Manifest, made: Made): Manifest {
  return { ...manifest, made: manifest.made.filter((other) => !isSame(other, made)) };
}

/** The newest word on a directory is the one that counts. */
export function leave(manifest: Manifest, left: Left): Manifest {
  return { ...manifest, left: [...manifest.left.filter(({ directory }) => directory !== left.directory), left] };
}

/** They are a machine's again, or gone. */
export function takeUp(manifest: Manifest, directory: string): Manifest {
  return { ...manifest, left: manifest.left.filter((left) => left.directory !== directory) };
}

/** @throws {LuksmithError} "config" when there is one that cannot be read: guessing what it said might remove somebody's files */
export async function readManifest(path: string): Promise<Manifest> {
  const text = await readIfThere(path);
  if (text === undefined) return emptyManifest;
  const parsed = manifestSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new LuksmithError("config", `${path}, which says what setup has made here, cannot be read`, {
    hint: "put it back from a backup; by hand: docs/backup-host.md says what there is",
    cause: parsed.error,
  });
}

export async function writeManifest(path: string, manifest: Manifest): Promise<void> {
  await writeFileDurably(path, `${JSON.stringify(manifest, undefined, 2)}\n`, 0o600);
}
