/** What rsync prints on standard error, sorted: files it could not read, and a destination that fails. */

import { RecordSplitter } from "./record-splitter.ts";
import { unescapeName } from "./rsync-output.ts";

/** What is wrong with the destination as a whole, and rsync's words for it. */
export interface DestinationFault {
  /** "damaged": its own metadata do not make sense, or fail their checksum. */
  readonly kind: "full" | "damaged" | "broken";
  readonly said: string;
}

/** errno values (errno(3)) that say: the destination as a whole, not one file of it, has failed. */
const faultKinds = new Map<number, DestinationFault["kind"]>([
  ...[28, 122].map((errno) => [errno, "full"] as const), // ENOSPC, EDQUOT
  ...[74, 117].map((errno) => [errno, "damaged"] as const), // EBADMSG, EUCLEAN: ext4's EFSBADCRC, EFSCORRUPTED
  ...[5, 30, 103, 107].map((errno) => [errno, "broken"] as const), // EIO, EROFS, ECONNABORTED, ENOTCONN
]);
/** The first to be said is most often the cause; but these three in this order. */
const gravity = { broken: 0, damaged: 1, full: 2 };

/** Of a file that was there when rsync looked, and was not any more when it came to copy it. */
export const vanishedMessage = "vanished while it was copied";

export interface Complaint {
  /** Which of rsync's processes said it. */
  readonly role: string | undefined;
  readonly message: string;
  readonly path: Buffer | undefined;
  readonly errno: number | undefined;
}

/**
 * Pure. `rsync: [sender] send_files failed to open "/a/b": Permission denied (13)`, `file has vanished: "/a/b"`;
 * undefined for a line that only sums up or says what follows from the others.
 */
export function parseComplaint(line: Buffer): Complaint | undefined {
  const text = line.toString("latin1").trimEnd();
  if (text === "" || /^rsync (error|warning): /.test(text) || text.startsWith("IO error encountered")) return undefined;
  const [, role] = /^rsync: \[(\w+)\] /.exec(text) ?? [];
  const [, quoted] = /"(.*)"/.exec(text) ?? [];
  const errno = /\((\d+)\)$/.exec(text)?.[1];
  const reason = /: ([^:"]+?)(?: \(\d+\))?$/.exec(text)?.[1];
  return {
    role,
    path: quoted === undefined ? undefined : unescapeName(Buffer.from(quoted, "latin1")),
    errno: errno === undefined ? undefined : Number(errno),
    message: quoted === undefined ? text.replace(/^rsync: (\[\w+\] )?/, "") : describe(text, reason),
  };
}

function describe(text: string, reason: string | undefined): string {
  if (/^(file|directory) has vanished: /.test(text)) return vanishedMessage;
  return reason === undefined ? "could not be copied" : `could not be copied: ${reason.toLowerCase()}`;
}

/** Only the sender reads the source. */
const reader = "sender";

/** @param side where it went wrong, as far as rsync says so */
export type OnComplaint = (message: string, path: Buffer | undefined, side: "source" | "destination") => void;

export class RsyncComplaints {
  readonly #lines = new RecordSplitter(10);
  readonly #onComplaint: OnComplaint;
  #fault: DestinationFault | undefined;

  constructor(onComplaint: OnComplaint) {
    this.#onComplaint = onComplaint;
  }

  /** Set as soon as the writing side has said so. */
  get destinationFault(): DestinationFault | undefined {
    return this.#fault;
  }

  push(chunk: Buffer): void {
    for (const line of this.#lines.push(chunk)) this.#take(line);
  }

  flush(): void {
    this.#take(this.#lines.flush());
  }

  #take(line: Buffer): void {
    const complaint = parseComplaint(line);
    if (complaint === undefined) return;
    const { role, errno } = complaint;
    if (role !== undefined && role !== reader && errno !== undefined) {
      const kind = faultKinds.get(errno);
      if (kind !== undefined && (this.#fault === undefined || gravity[kind] > gravity[this.#fault.kind])) {
        this.#fault = { kind, said: complaint.message };
      }
    }
    this.#onComplaint(
      complaint.message,
      complaint.path,
      role === reader || role === undefined ? "source" : "destination",
    );
  }
}
