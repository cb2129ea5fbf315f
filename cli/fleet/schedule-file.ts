/** Schedules as they are written: a file, or standard input. What is in it the controller says. */

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import { showName } from "../../common/file-name.ts";

/** A message to the controller may be so long, and no fleet has so many schedules. */
const bytesMax = 2 ** 20;

export interface ScheduleText {
  readonly text: string;
  /** Stands in front of each fault. */
  readonly fileName: string;
}

/** @param path "-" for standard input @throws {LuksmithError} "usage" */
export async function readSchedules(path: string): Promise<ScheduleText> {
  const fileName = path === "-" ? "standard input" : showName(Buffer.from(path));
  const bytes = path === "-" ? await readAll(process.stdin, fileName) : await readFileOf(path, fileName);
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), fileName };
  } catch (cause) {
    throw new LuksmithError("usage", `${fileName} is not UTF-8`, { hint: "schedules are YAML: docs/fleet.md", cause });
  }
}

async function readFileOf(path: string, name: string): Promise<Buffer> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY);
  } catch (cause) {
    const why = hasErrno(cause, "ENOENT") ? "no such file" : cause instanceof Error ? cause.message : cause;
    throw new LuksmithError("usage", `could not read ${name}: ${why}`, {
      hint: "luksmith fleet apply -f FILE, or -f - for standard input",
      cause,
    });
  }
  await using _closed = file;
  return await readAll(file.createReadStream({ autoClose: false }), name);
}

async function readAll(stream: AsyncIterable<Buffer | string>, name: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of stream) {
      const bytes = Buffer.from(part);
      parts.push(bytes);
      length += bytes.length;
      if (length > bytesMax)
        throw new LuksmithError("usage", `${name} is longer than 1 MiB`, { hint: "is it the right file?" });
    }
  } catch (cause) {
    if (cause instanceof LuksmithError) throw cause;
    throw new LuksmithError("usage", `could not read ${name}: ${cause instanceof Error ? cause.message : cause}`, {
      hint: "it has to be a file of schedules: docs/fleet.md",
      cause,
    });
  }
  return Buffer.concat(parts);
}
