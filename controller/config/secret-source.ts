/** A secret that the controller is given by a file or by systemd: it stands in no configuration, no argument and no environment. */

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { absolutePathSchema } from "../../common/config/names.ts";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import { ownershipFault } from "../../common/ownership.ts";

export type SecretSource =
  | { readonly from: "file"; readonly path: string }
  | { readonly from: "credential"; readonly name: string };

/** Longer is no password. */
const secretBytesMax = 4096;

export const secretSourceSchema = z
  .union(
    [
      z.strictObject({
        file: absolutePathSchema.describe("A file that its owner alone can read; its first line counts"),
      }),
      z.strictObject({
        credential: z
          .string()
          .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/, "must be the name of a credential: letters, digits, _, . and -")
          .describe("A credential of the service, by LoadCredential= (systemd.exec(5))"),
      }),
    ],
    { error: "must be { file: PATH } or { credential: NAME }" },
  )
  .transform(
    (source): SecretSource =>
      "file" in source ? { from: "file", path: source.file } : { from: "credential", name: source.credential },
  );

/**
 * Read each time that it is needed, so that one that was changed counts at once.
 * @returns its first line
 * @throws {LuksmithError} "config" names where it should have come from, never what did
 */
export async function readSecretFrom(source: SecretSource): Promise<string> {
  return source.from === "file" ? readFirstLine(source.path) : readFirstLine(credentialPath(source.name));
}

/** Source: systemd.exec(5), "Credentials". */
function credentialPath(name: string): string {
  const directory = process.env.CREDENTIALS_DIRECTORY;
  if (directory?.startsWith("/")) return join(directory, name);
  throw new LuksmithError("config", `the controller has no credential ${name}: systemd has given it none`, {
    hint: `systemctl edit luksmith-controller, with LoadCredential=${name}:/path/of/the/secret below [Service]`,
  });
}

async function readFirstLine(path: string): Promise<string> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const why = hasErrno(cause, "ENOENT")
      ? "is not there"
      : hasErrno(cause, "ELOOP")
        ? "is a symbolic link"
        : "cannot be read";
    throw new LuksmithError("config", `the secret ${path} ${why}`, { cause });
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new LuksmithError("config", `the secret ${path} is not a regular file`);
    const fault = ownershipFault(path, stat, process.geteuid?.() ?? 0);
    if (fault !== undefined) throw fault;
    if ((stat.mode & 0o077) !== 0)
      throw new LuksmithError("config", `others can read the secret ${path}`, { hint: `chmod 600 ${path}` });
    if (stat.size > secretBytesMax) throw new LuksmithError("config", `the secret ${path} is longer than 4 KiB`);
    const [line = ""] = (await file.readFile("utf8")).split(/\r?\n/, 1);
    if (line === "") throw new LuksmithError("config", `the secret ${path} is empty`);
    return line;
  } finally {
    await file.close();
  }
}
