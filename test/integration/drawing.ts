/** Drawing by lot what nobody would send, so that what was drawn can be drawn again from the same seed. */

export type Draw = () => number;

/** Mulberry32, by Tommy Ettinger (public domain): small, and the same everywhere. @returns 0 to below 1, each time */
export function drawing(from: number): Draw {
  let state = from;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const below = (draw: Draw, limit: number): number => Math.floor(draw() * limit);

export const pick = <T>(draw: Draw, from: readonly T[]): T => from[below(draw, from.length)] as T;

export const randomBytes = (draw: Draw, most: number): Buffer =>
  Buffer.from(Array.from({ length: below(draw, most) }, () => below(draw, 256)));

/** Some bytes are others, or it ends early, or a part of it comes once more. */
export function spoil(draw: Draw, bytes: Buffer): Buffer {
  let spoilt = Buffer.from(bytes);
  for (let changes = 1 + below(draw, 4); changes > 0 && spoilt.length > 0; changes -= 1) {
    const at = below(draw, spoilt.length);
    const how = below(draw, 4);
    if (how < 2) spoilt[at] = below(draw, 256);
    else if (how === 2) spoilt = spoilt.subarray(0, at);
    else spoilt = Buffer.concat([spoilt.subarray(0, at), spoilt.subarray(below(draw, spoilt.length))]);
  }
  return spoilt;
}
