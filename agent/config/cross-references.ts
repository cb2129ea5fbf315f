/**
 * What only the whole configuration can show: names that lead nowhere, two volumes on one image. Works on a
 * configuration with faults of its own too, so that all of them are reported at once.
 */

import { isName } from "../../common/config/names.ts";
import { nearest } from "../../common/nearest.ts";

export interface CrossFault {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** @param file the mappings of the file, of which any part may be of any shape */
export function crossFaults(file: unknown): CrossFault[] {
  const remotes = entries(file, "remotes");
  const volumes = entries(file, "volumes");
  const jobs = entries(file, "jobs");
  const faults: CrossFault[] = [];
  const refer = (path: (string | number)[], noun: string, known: [string, unknown][] | undefined, name: unknown) => {
    // a reference that is no name at all has a fault already, and so has a mapping that is none
    if (known === undefined || !isName(name)) return;
    const names = known.map(([knownName]) => knownName);
    if (names.includes(name)) return;
    const near = nearest(name, names);
    const suggestion = near === undefined ? "" : `; did you mean "${near}"?`;
    faults.push({ path, message: `there is no ${noun} "${name}"${suggestion}` });
  };

  const images = new Map<string, string>();
  for (const [name, volume] of volumes ?? []) {
    const remote = field(volume, "remote");
    const image = field(volume, "image");
    refer(["volumes", name, "remote"], "remote", remotes, remote);
    if (typeof remote !== "string" || typeof image !== "string") continue;
    if (image.endsWith(".lease") || image.includes(".lease.")) {
      faults.push({ path: ["volumes", name, "image"], message: "must not be called like the lease of another image" });
    }
    const place = JSON.stringify([remote, image]);
    const other = images.get(place);
    if (other === undefined) images.set(place, name);
    else faults.push({ path: ["volumes", name, "image"], message: `is the image of volume "${other}" already` });
  }
  for (const [name, job] of jobs ?? []) refer(["jobs", name, "volume"], "volume", volumes, field(job, "volume"));
  for (const [index, rule] of list(field(file, "access")).entries()) {
    for (const [at, name] of list(field(rule, "volumes")).entries()) {
      refer(["access", index, "volumes", at], "volume", volumes, name);
    }
    for (const [at, name] of list(field(rule, "jobs")).entries()) {
      refer(["access", index, "jobs", at], "job", jobs, name);
    }
  }
  return faults;
}

function field(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}

/** The entries of a mapping; none when it is left out; undefined when it is something else. */
function entries(file: unknown, key: string): [string, unknown][] | undefined {
  const value = field(file, key);
  if (value === undefined) return [];
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : undefined;
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
