/**
 * Places in the bundles that ran, told as places in the sources. Done here, on what was printed, because reading source
 * maps in the guest would cost it seconds.
 */

import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { hasErrno } from "../common/errors.ts";

/** "file:///repository/dist/lab/x.test.mjs:12:3", with or without what stands before "dist". */
const place = /(?:file:\/\/)?[\w./-]*\b(dist\/[\w./-]+\.mjs):(\d+):(\d+)/g;

export class SourceLocations {
  readonly #root: string;
  readonly #maps = new Map<string, SourceMap | undefined>();

  /** @param root what places are told relative to, and `dist` is in */
  constructor(root = ".") {
    this.#root = resolve(root);
  }

  /** A sink for pieces of output that passes them on line by line, rewritten; what comes after the last line end waits. */
  line(sink: (text: string) => void): (piece: Buffer) => void {
    let begun: Buffer = Buffer.alloc(0);
    return (piece) => {
      const bytes = Buffer.concat([begun, piece]);
      const end = bytes.lastIndexOf("\n") + 1;
      begun = bytes.subarray(end);
      if (end > 0) sink(this.rewrite(bytes.toString("utf8", 0, end)));
    };
  }

  rewrite(text: string): string {
    return text.replace(place, (whole: string, bundle: string, line: string, column: string) => {
      const origin = this.#map(bundle)?.findOrigin(Number(line), Number(column));
      if (origin === undefined || !("fileName" in origin)) return whole;
      const source = resolve(this.#root, dirname(bundle), origin.fileName);
      return `${relative(this.#root, source)}:${origin.lineNumber}:${origin.columnNumber}`;
    });
  }

  #map(bundle: string): SourceMap | undefined {
    if (!this.#maps.has(bundle)) this.#maps.set(bundle, this.#read(join(this.#root, `${bundle}.map`)));
    return this.#maps.get(bundle);
  }

  #read(path: string): SourceMap | undefined {
    try {
      return new SourceMap(JSON.parse(readFileSync(path, "utf8")));
    } catch (error) {
      if (hasErrno(error, "ENOENT")) return undefined;
      throw error;
    }
  }
}
