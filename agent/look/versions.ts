/** Of one path: its states in the snapshots that have it, in order. Pure. */

import { FoundPath, FoundVersion } from "../../proto/gen/luksmith/v1/looking.ts";
import { entryTypes } from "../tools/find.ts";
import { pathOfKey, splitSortable } from "./sortable-path.ts";

/** Digits of a snapshot's place in a record: more snapshots than that no job has. */
const placeDigits = 6;

/** What find prints of each, behind its path: the snapshot's place, type, size, time. */
export function versionFormat(place: number): string {
  return `${`${place}`.padStart(placeDigits, "0")} %y %s %T@`;
}

interface Version {
  readonly place: number;
  /** Type, size and time: two that have the same are taken to be the same. */
  readonly state: string;
}

/** Takes records in order, and has a path when the next one begins. */
export class VersionCollector {
  /** Of the snapshots that were looked at, oldest first. */
  readonly #names: readonly string[];
  #key: string | undefined;
  #versions: Version[] = [];

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  push(record: string): FoundPath | undefined {
    const { key, rest } = splitSortable(record);
    const complete = key === this.#key ? undefined : this.flush();
    this.#key = key;
    this.#versions.push({ place: Number(rest.slice(0, placeDigits)), state: rest.slice(placeDigits + 1) });
    return complete;
  }

  flush(): FoundPath | undefined {
    const versions = this.#versions;
    this.#versions = [];
    if (this.#key === undefined || versions.length === 0) return undefined;
    const found: FoundVersion[] = [];
    let last: Version | undefined;
    for (const version of versions) {
      const name = this.#names[version.place] ?? "";
      const goesOn = last?.state === version.state && last.place === version.place - 1;
      if (goesOn) found.at(-1)?.snapshots.push(name);
      else found.push(asFound(version.state, name));
      last = version;
    }
    return FoundPath.create({
      path: pathOfKey(this.#key),
      versions: found,
      goneIn: this.#names[(last?.place ?? 0) + 1] ?? "",
    });
  }
}

function asFound(state: string, snapshot: string): FoundVersion {
  const [type = "", size, time] = state.split(" ");
  return FoundVersion.create({
    type: entryTypes[type] ?? 0,
    size: Number(size),
    modified: new Date(Number(time) * 1000),
    snapshots: [snapshot],
  });
}
