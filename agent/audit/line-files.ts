/**
 * Lines at the end of a file that only grows, until it is full and the next one is begun: `audit.jsonl`, and before it
 * `audit-000001.jsonl`, `audit-000002.jsonl` and so on, of which the oldest go.
 *
 * One rename begins a new file, so there is no moment at which a line is in none of them; names are not handed on from one
 * file to the next, so a crash leaves no gap. A line is written by one call. What a crash of the machine leaves of one
 * gets its line break when the file is opened again: it stays a line of its own, and spoils no other.
 *
 * Synchronous on purpose: a line is there before what it is about happens, and lines are in the order of the events.
 */

import {
  closeSync,
  constants,
  createReadStream,
  fchmodSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { hasErrno } from "../../common/errors.ts";

export interface LineFilesLimits {
  /** A file is full when the next line would make it longer than this. */
  readonly fileBytes: number;
  /** How many full ones are kept. */
  readonly fullFiles: number;
}

const currentName = "audit.jsonl";
const fullPattern = /^audit-(\d{6,})\.jsonl$/;
const lineBreak = Buffer.from("\n");

export class LineFiles {
  readonly directory: string;
  readonly #limits: LineFilesLimits;
  #fd: number | undefined;

  /** Nothing is opened or made before the first line. */
  constructor(directory: string, limits: LineFilesLimits) {
    this.directory = directory;
    this.#limits = limits;
  }

  get path(): string {
    return join(this.directory, currentName);
  }

  /** @throws errors of the file system's; then nothing of the line is there */
  append(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    const fd = this.#readyFor(bytes.length);
    const before = fstatSync(fd).size;
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(fd, bytes, written);
    } catch (error) {
      this.#takeBack(fd, before, written);
      throw error;
    }
  }

  /** What was appended is on the disk when this returns. */
  flush(): void {
    if (this.#fd !== undefined) fdatasyncSync(this.#fd);
  }

  close(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
  }

  /**
   * The lines that are there, of each file. Each is to be read to its end before the next one is asked for.
   * @param first which of the files
   */
  *read(first: "oldest" | "newest"): Generator<AsyncIterable<string>, void> {
    if (first === "newest") {
      // what becomes full from now on is not among them
      const full = this.#full();
      yield* this.#linesOf(currentName);
      for (const { name } of full.toReversed()) yield* this.#linesOf(name);
      return;
    }
    const full = this.#full();
    for (const { name } of full) yield* this.#linesOf(name);
    // it may have become full meanwhile; what was begun after that is not waited for, or a busy agent would never be read
    const next = fullName((full.at(-1)?.number ?? 0) + 1);
    yield* this.#linesOf(this.#full().some(({ name }) => name === next) ? next : currentName);
  }

  /** Up to where it ends when it is opened: never a part of a line that is being written. */
  *#linesOf(name: string): Generator<AsyncIterable<string>, void> {
    const file = openIfThere(join(this.directory, name));
    if (file === undefined) return;
    try {
      yield linesOf(file.fd, file.size);
    } finally {
      closeSync(file.fd);
    }
  }

  #readyFor(bytes: number): number {
    // moved or removed by somebody: what is written to it now nobody would find
    if (this.#fd !== undefined && !isAt(this.#fd, this.path)) this.close();
    const fd = this.#fd ?? this.#open();
    const { size } = fstatSync(fd);
    if (size === 0 || size + bytes <= this.#limits.fileBytes) return fd;
    this.close();
    this.#makeRoom();
    return this.#open();
  }

  #open(): number {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
    const fd = openSync(this.path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
    try {
      const found = fstatSync(fd);
      if (!found.isFile()) throw new Error(`${this.path} is not a regular file`);
      fchmodSync(fd, 0o600);
      const last = Buffer.alloc(1);
      if (found.size > 0 && readSync(fd, last, 0, 1, found.size - 1) === 1 && !last.equals(lineBreak)) {
        writeSync(fd, lineBreak);
      }
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    this.#fd = fd;
    return fd;
  }

  #makeRoom(): void {
    const full = this.#full();
    const next = (full.at(-1)?.number ?? 0) + 1;
    renameSync(this.path, join(this.directory, fullName(next)));
    for (const { name } of full.slice(0, Math.max(0, full.length + 1 - this.#limits.fullFiles))) {
      rmSync(join(this.directory, name), { force: true });
    }
  }

  /** Oldest first. */
  #full(): { name: string; number: number }[] {
    let names: string[];
    try {
      names = readdirSync(this.directory);
    } catch (error) {
      if (hasErrno(error, "ENOENT")) return [];
      throw error;
    }
    return names
      .flatMap((name) => {
        const number = fullPattern.exec(name)?.[1];
        return number === undefined ? [] : [{ name, number: Number(number) }];
      })
      .toSorted((a, b) => a.number - b.number);
  }

  /** A full disk takes a part of a line. */
  #takeBack(fd: number, size: number, written: number): void {
    if (written === 0) return;
    try {
      ftruncateSync(fd, size);
    } catch {
      // whoever opens it next ends the line
      this.close();
    }
  }
}

function fullName(number: number): string {
  return `audit-${`${number}`.padStart(6, "0")}.jsonl`;
}

function isAt(fd: number, path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  const ours = fstatSync(fd);
  return found?.ino === ours.ino && found.dev === ours.dev;
}

function openIfThere(path: string): { fd: number; size: number } | undefined {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    return { fd, size: fstatSync(fd).size };
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function* linesOf(fd: number, size: number): AsyncGenerator<string, void> {
  if (size === 0) return;
  const input = createReadStream("", { fd, start: 0, end: size - 1, autoClose: false });
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line !== "") yield line;
  }
}
