/** What the finished snapshots of a job have to be. Pure: trees are known by the names of their records. */

export interface JobModel {
  /** Finished snapshots, each with the record of the tree that it has to be equal to. */
  readonly snapshots: Readonly<Record<string, string>>;
  /** What the source was when a backup was begun whose end nobody has seen: any of these may be there by now, finished. */
  readonly begun: readonly string[];
  /** Snapshots that may be gone. */
  readonly doomed: readonly string[];
}

export const emptyModel: JobModel = { snapshots: {}, begun: [], doomed: [] };

export function withBegun(model: JobModel, record: string): JobModel {
  return { ...model, begun: [...new Set([...model.begun, record])] };
}

/** A backup has said that it is done: from now on this has to be there. */
export function withDone(model: JobModel, snapshot: string, record: string): JobModel {
  return { ...model, snapshots: { ...model.snapshots, [snapshot]: record } };
}

export function withDoomed(model: JobModel, snapshots: readonly string[]): JobModel {
  return { ...model, doomed: [...new Set([...model.doomed, ...snapshots])] };
}

/** A prune has said that it is done: these have to be gone. */
export function withGone(model: JobModel, gone: readonly string[]): JobModel {
  const snapshots = Object.fromEntries(Object.entries(model.snapshots).filter(([name]) => !gone.includes(name)));
  return { ...model, snapshots, doomed: model.doomed.filter((name) => !gone.includes(name)) };
}

export interface Found {
  readonly snapshot: string;
  /** The record that it is equal to, of those that came into question. */
  readonly record: string | undefined;
}

/** The records that a snapshot may be equal to. */
export function candidates(model: JobModel, snapshot: string): readonly string[] {
  const known = model.snapshots[snapshot];
  return known === undefined ? model.begun : [known];
}

/** @returns what is wrong; and the model from now on, in which what was found is known */
export function judge(model: JobModel, found: readonly Found[]): { wrong: string[]; model: JobModel } {
  const there = new Set(found.map(({ snapshot }) => snapshot));
  const lost = Object.keys(model.snapshots).filter((name) => !there.has(name) && !model.doomed.includes(name));
  const wrong = lost.map((name) => `finished snapshot ${name} is gone`);
  const snapshots: Record<string, string> = {};
  for (const { snapshot, record } of found) {
    if (record === undefined) {
      const why = model.snapshots[snapshot] === undefined ? "is no source that was backed up" : "is not as it was";
      wrong.push(`finished snapshot ${snapshot} ${why}`);
    } else snapshots[snapshot] = record;
  }
  return { wrong, model: { snapshots, begun: [], doomed: model.doomed.filter((name) => there.has(name)) } };
}
