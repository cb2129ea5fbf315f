/** How people name a run of the fleet: "MACHINE/RUN", "MACHINE/last", or RUN alone, by the beginning of its id. Pure. */

import { LuksmithError } from "../../common/errors.ts";

export interface RunReference {
  /** undefined: of whichever machine. */
  readonly machine: string | undefined;
  /** The beginning of an id; empty: the newest. */
  readonly prefix: string;
}

/** As the agents make them: Crockford's base32, ten characters. */
const prefixPattern = /^[0-9a-hjkmnp-tv-z]{1,10}$/;

/** @throws {LuksmithError} "usage" */
export function readRunReference(text: string): RunReference {
  const [first = "", second, ...more] = text.split("/");
  const [machine, typed] = second === undefined ? [undefined, first] : [first, second];
  if (more.length > 0 || machine === "") throw isNone();
  const run = typed.toLowerCase();
  if (run === "last") {
    if (machine !== undefined) return { machine, prefix: "" };
    throw new LuksmithError("usage", "the last run of which machine?", { hint: "MACHINE/last" });
  }
  // letters that may be misread
  const prefix = run.replaceAll(/[il]/g, "1").replaceAll("o", "0");
  if (!prefixPattern.test(prefix)) throw isNone();
  return { machine, prefix };
}

function isNone(): LuksmithError {
  return new LuksmithError("usage", "that names no run of the fleet", {
    hint: "MACHINE/RUN, as luksmith fleet runs shows it; MACHINE/last is the newest",
  });
}
