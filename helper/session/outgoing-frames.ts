/**
 * Why HTTP/2 has ended a connection, read off what it says at last: a GOAWAY frame with an error code (RFC 9113, 4.1 and 6.8). Neither
 * Node nor grpc-js tells who has handed them a connection. Pure.
 */

const headerBytes = 9;
const goAway = 7;
/** The last stream's number, and the code. */
const codeEnd = headerBytes + 8;

export class OutgoingFrames {
  #frame = Buffer.alloc(0);
  /** Of the frame under way, still to come. */
  #skip = 0;
  /** 0: none. */
  errorCode = 0;

  push(chunk: Uint8Array): void {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    while (rest.length > 0) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, rest.length);
        this.#skip -= skipped;
        rest = rest.subarray(skipped);
        continue;
      }
      const wanted = this.#frame.length < headerBytes ? headerBytes : codeEnd;
      const taken = rest.subarray(0, wanted - this.#frame.length);
      this.#frame = Buffer.concat([this.#frame, taken]);
      rest = rest.subarray(taken.length);
      if (this.#frame.length === wanted) this.#look();
    }
  }

  #look(): void {
    const length = this.#frame.readUIntBE(0, 3);
    const isGoAway = this.#frame[3] === goAway && length >= 8;
    if (isGoAway && this.#frame.length < codeEnd) return;
    if (isGoAway) this.errorCode = this.#frame.readUInt32BE(headerBytes + 4);
    this.#skip = headerBytes + length - this.#frame.length;
    this.#frame = Buffer.alloc(0);
  }
}
