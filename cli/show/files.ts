/** The answer of ListFiles. */

import { showName } from "../../common/file-name.ts";
import { escapeControls } from "../../common/quote.ts";
import type { ListFilesRequest } from "../../proto/gen/luksmith/v1/agent.ts";
import { type FileEntry, FileEntry_Type } from "../../proto/gen/luksmith/v1/types.ts";
import type { BaseSession } from "../base-session.ts";
import { fileJson } from "../json.ts";
import { localTime } from "../local-time.ts";
import type { Session } from "../session.ts";
import { showStream } from "./stream.ts";

/** "names0": the bytes of each name and a NUL, for programs. */
export type FileFormat = "long" | "numeric" | "names" | "names0";

const nul = Buffer.of(0);

/** What one directory holds is shown by name, unless it is more than anybody reads through: that is shown as it comes. */
const mostSorted = 10_000;

export async function showFiles(session: Session, request: ListFilesRequest, format: FileFormat): Promise<void> {
  const list = new FileList(session, format, !request.recursive);
  try {
    await showStream(session, session.agent.listFiles(request, session.stop), (entry: FileEntry) => list.take(entry));
  } finally {
    list.end();
  }
}

/** Files as they come, or sorted where that is possible. */
export class FileList {
  readonly #session: BaseSession;
  readonly #format: FileFormat;
  #gathered: FileEntry[] | undefined;

  /** @param isSorted they are of one directory */
  constructor(session: BaseSession, format: FileFormat, isSorted: boolean) {
    this.#session = session;
    this.#format = format;
    this.#gathered = isSorted ? [] : undefined;
  }

  take(entry: FileEntry): void {
    if (this.#gathered === undefined) {
      this.#show(entry);
      return;
    }
    this.#gathered.push(entry);
    if (this.#gathered.length <= mostSorted) return;
    for (const each of this.#gathered) this.#show(each);
    this.#gathered = undefined;
  }

  end(): void {
    const sorted = this.#gathered?.sort((one, other) => Buffer.compare(one.path, other.path)) ?? [];
    this.#gathered = undefined;
    for (const each of sorted) this.#show(each);
  }

  #show(entry: FileEntry): void {
    const session = this.#session;
    const format = this.#format;
    if (format === "names0" && !session.json) session.terminal.out(Buffer.concat([entry.path, nul]));
    else {
      session.result(
        () => [fileJson(entry)],
        () => `${format === "names" ? showName(entry.path) : longText(entry, format === "numeric")}\n`,
      );
    }
  }
}

/** As `ls -l` writes it: "-rw-r--r-- root     root            12345  2026-11-23 02:00:05  etc/hosts". */
export function longText(entry: FileEntry, numeric = false): string {
  const owner = numeric
    ? `${entry.uid}`.padStart(5) + ` ${entry.gid}`.padStart(6)
    : `${ownerName(entry).padEnd(8)} ${groupName(entry).padEnd(8)}`;
  const target = entry.target.length === 0 ? "" : ` -> ${showName(entry.target)}`;
  const size = `${entry.size}`.padStart(12);
  return `${modeText(entry.type, entry.mode)} ${owner} ${size}  ${localTime(entry.modified)}  ${showName(entry.path)}${target}`;
}

/** What this machine calls the owner, or the number. */
export function ownerName({ owner, uid }: FileEntry): string {
  return owner === "" ? `${uid}` : escapeControls(owner);
}

export function groupName({ group, gid }: FileEntry): string {
  return group === "" ? `${gid}` : escapeControls(group);
}

const typeLetters: Readonly<Record<number, string>> = {
  [FileEntry_Type.FILE]: "-",
  [FileEntry_Type.DIRECTORY]: "d",
  [FileEntry_Type.SYMLINK]: "l",
  [FileEntry_Type.BLOCK_DEVICE]: "b",
  [FileEntry_Type.CHARACTER_DEVICE]: "c",
  [FileEntry_Type.FIFO]: "p",
  [FileEntry_Type.SOCKET]: "s",
};

/** "drwxr-sr-t". Source: ls(1) and POSIX ls, "file mode written under the -l option". */
export function modeText(type: FileEntry_Type, mode: number): string {
  const triple = (shift: number, special: number, letter: string) => {
    const bits = mode >> shift;
    const runs = (bits & 1) !== 0;
    const last = (mode & special) === 0 ? (runs ? "x" : "-") : runs ? letter : letter.toUpperCase();
    return `${bits & 4 ? "r" : "-"}${bits & 2 ? "w" : "-"}${last}`;
  };
  return `${typeLetters[type] ?? "?"}${triple(6, 0o4000, "s")}${triple(3, 0o2000, "s")}${triple(0, 0o1000, "t")}`;
}
