/** The operator's credential: where it is found, read only where nobody else could, and replaced as a whole. */

import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, realpath, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseYaml } from "../../common/config/yaml-document.ts";
import { syncDirectory } from "../../common/durable-file.ts";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import { showName } from "../../common/file-name.ts";
import { type OperatorFile, operatorFileSchema, operatorFileText } from "../../common/fleet/operator-file.ts";

export interface Credential extends OperatorFile {
  /** Where it was found. */
  readonly path: string;
  /** Whether it is ours to replace. */
  readonly isOurs: boolean;
}

/** Two certificates and a key are a few thousand. */
const bytesMax = 512 * 2 ** 10;

export const anotherCredential =
  "an admin of the fleet makes another: luksmith fleet operator create NAME --role ROLE --out FILE";

/** As asked for, else as the environment says, else where it is by default. */
export function credentialPath(
  asked: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const home = environment.HOME || homedir();
  return resolve(asked || environment.LUKSMITH_FLEET || join(home, ".config/luksmith/fleet.yaml"));
}

/** @throws {LuksmithError} "config" when there is none, when others could read it, or when it is none */
export async function readCredential(path: string): Promise<Credential> {
  const name = showName(Buffer.from(path));
  await using file = await opened(path, name);
  const { mode, uid, size } = await file.stat().then((stat) => {
    if (stat.isFile()) return stat;
    throw new LuksmithError("config", `${name} is not a regular file`, { hint: anotherCredential });
  });
  // as ssh does with keys: what others could read may be theirs already
  if ((mode & 0o077) !== 0) {
    const shown = (mode & 0o7777).toString(8).padStart(4, "0");
    throw new LuksmithError("config", `others could read ${name} (mode ${shown}), and act in your name with it`, {
      hint: `chmod 600 ${name}; if others have read it, have it revoked: luksmith fleet operator revoke NAME`,
    });
  }
  const parsed =
    size > bytesMax ? undefined : operatorFileSchema.safeParse(parseYaml(await file.readFile("utf8")).value);
  if (parsed?.success !== true) {
    // no word of what is in it: a key is
    throw new LuksmithError("config", `${name} is not the credential of an operator, or is damaged`, {
      hint: anotherCredential,
    });
  }
  return { ...parsed.data, path, isOurs: uid === process.geteuid?.() };
}

async function opened(path: string, name: string): Promise<FileHandle> {
  try {
    // a FIFO must not hold us up
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    if (hasErrno(cause, "ENOENT", "ENOTDIR")) {
      throw new LuksmithError("config", `there is no credential of an operator at ${name}`, {
        hint: "name it with --fleet FILE or $LUKSMITH_FLEET; luksmith-controller init writes the first one",
        cause,
      });
    }
    throw new LuksmithError("config", `${name} cannot be opened: ${cause instanceof Error ? cause.message : cause}`, {
      hint: "it has to be readable for you, and for nobody else",
      cause,
    });
  }
}

/** In its place, whole or not at all; a link goes on to point at it. Several may do so at once: the last one counts. */
export async function replaceCredential({ path }: Credential, file: OperatorFile): Promise<void> {
  const target = await realpath(path);
  const fresh = `${target}.${randomBytes(6).toString("hex")}.new`;
  try {
    await writeCredential(fresh, file);
    await rename(fresh, target);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
  await syncDirectory(dirname(target));
}

async function writeCredential(path: string, file: OperatorFile): Promise<void> {
  await using made = await open(path, "wx", 0o600);
  await made.writeFile(operatorFileText(file));
  await made.sync();
}
