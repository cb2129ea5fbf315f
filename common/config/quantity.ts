/** Sizes and durations as people write them in the configuration: "200G", "5M", "20s", "1h30m". */

import * as z from "zod";
import { formatDuration, parseDuration, parseSize } from "../units.ts";

/** Bytes; a bare number is bytes too. Within `min` and `max`, a whole number of `step`. */
export function sizeSchema({
  min,
  max = Number.MAX_SAFE_INTEGER,
  step = 1,
}: {
  min: number;
  max?: number;
  step?: number;
}) {
  const fault = (bytes: number | undefined): string | undefined => {
    if (bytes === undefined) return 'must be a size such as "512M" or "200G" (powers of 1024)';
    if (bytes < min) return `must be at least ${showSize(min)}`;
    if (bytes > max) return `must be at most ${showSize(max)}`;
    if (bytes % step !== 0) return `must be a multiple of ${showSize(step)}`;
    return undefined;
  };
  return z
    .union([z.string().meta({ pattern: "^[0-9]+(\\.[0-9]+)?\\s*[KMGTP]?(i?B)?$" }), z.int().positive()], {
      error: 'must be a size such as "512M" or "200G"',
    })
    .transform((value, context) => {
      const bytes = typeof value === "number" ? value : parseSize(value);
      const message = fault(bytes);
      if (bytes !== undefined && message === undefined) return bytes;
      context.addIssue({ code: "custom", message: message ?? "must be a size" });
      return z.NEVER;
    });
}

/** The size as one would write it here: 64M, 4K, 4097. */
function showSize(bytes: number): string {
  const units = ["", "K", "M", "G", "T", "P"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && value % 1024 === 0 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value}${units[unit]}`;
}

/** Milliseconds, from text with a unit. */
export function durationSchema({ min, max }: { min: number; max: number }) {
  return z
    .string({ error: 'must be a duration with its unit, such as "30s" or "1h30m"' })
    .transform((text, context) => {
      const ms = parseDuration(text);
      if (ms !== undefined && ms >= min && ms <= max) return ms;
      context.addIssue({
        code: "custom",
        message:
          ms === undefined
            ? 'must be a duration with its unit, such as "30s" or "1h30m"'
            : `must be between ${formatDuration(min)} and ${formatDuration(max)}`,
      });
      return z.NEVER;
    })
    .meta({ pattern: "^([0-9]+\\s*(ms|s|m|h|d)\\s*)+$" });
}
