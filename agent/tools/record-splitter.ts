/** Cuts a stream of chunks into records that end with one byte. A record is held together across chunks. */

/** A name has at most 4096 bytes (PATH_MAX); a line of a tool's own making is far below this. */
const recordLimitBytes = 1 << 20;

export class RecordSplitter {
  readonly #end: number;
  #rest: Buffer = Buffer.alloc(0);

  /** @param end the byte that ends a record: 0, or 10 for lines */
  constructor(end: number) {
    this.#end = end;
  }

  /** @returns the records that are complete now, without their end byte @throws {RangeError} on one that never ends */
  push(chunk: Buffer): Buffer[] {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const records: Buffer[] = [];
    let from = 0;
    for (let at = data.indexOf(this.#end); at !== -1; at = data.indexOf(this.#end, from)) {
      records.push(data.subarray(from, at));
      from = at + 1;
    }
    this.#rest = data.subarray(from);
    if (this.#rest.length > recordLimitBytes) throw new RangeError("a record never ends");
    return records;
  }

  /** What came after the last end byte. */
  flush(): Buffer {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest;
  }
}
