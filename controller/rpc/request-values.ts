/** Values of requests, as anybody may send them. */

import { LuksmithError } from "../../common/errors.ts";
import type { Label } from "../../proto/gen/luksmith/v1/controller.ts";
import { type Labels, labelFault, mostLabels } from "../selector/label.ts";

const longestList = 1000;

/** @param limit 0: left out */
export function listLimit(limit: number, otherwise: number): number {
  return limit === 0 ? otherwise : Math.min(limit, longestList);
}

/** @throws {LuksmithError} "usage" for a moment that is beyond every calendar */
export function momentMs(moment: Date | undefined): number | undefined {
  const ms = moment?.getTime();
  if (ms === undefined || Number.isSafeInteger(ms)) return ms;
  throw new LuksmithError("usage", "there is no such moment");
}

/** Empty: undefined. */
export function given(text: string): string | undefined {
  return text === "" ? undefined : text;
}

/** @throws {LuksmithError} "usage" */
export function labelsOf(labels: readonly Label[]): Labels {
  if (labels.length > mostLabels) throw new LuksmithError("usage", `a machine can have ${mostLabels} labels`);
  const seen = new Set<string>();
  for (const { name, value } of labels) {
    const fault = seen.has(name) ? `label ${name} is there twice` : labelFault(name, value);
    if (fault !== undefined) throw new LuksmithError("usage", fault, { hint: "such as env=prod" });
    seen.add(name);
  }
  return Object.fromEntries(labels.map(({ name, value }) => [name, value]));
}
