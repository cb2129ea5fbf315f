/** Filter rules for rsync that let nothing through but a list of paths, together with an exclude of everything else. Pure. */

import { ancestors } from "../restore/paths.ts";

/**
 * Source: rsync(1), FILTER RULES, INCLUDE/EXCLUDE PATTERN RULES: a rule with a slash in front is anchored, with
 * --relative at the machine's root; a backslash stands for the character behind it only in a pattern with wildcards.
 * @param paths relative to "/"
 * @param sources of rsync's, absolute: without a rule of its own one is passed over with all that leads to it. As
 *   directories alone: a source that is a file and not among the paths stays as it is
 * @returns for --include-from with --from0: every path, and the directories above each
 */
export function includeRules(paths: readonly Buffer[], sources: readonly string[]): Buffer {
  const rules = new Map<string, Buffer>();
  const add = (path: Buffer, end: string) => {
    const rule = Buffer.concat([Buffer.from("/"), literal(path), Buffer.from(`${end}\0`)]);
    rules.set(rule.toString("latin1"), rule);
  };
  const addAbove = (path: Buffer) => {
    for (const directory of ancestors(path)) add(directory, "/");
  };
  for (const source of sources) addAbove(Buffer.from(`${source.replace(/^\/+|\/+$/g, "")}/`));
  for (const path of paths) {
    addAbove(path);
    add(path, "");
  }
  return Buffer.concat([...rules.values()]);
}

function literal(path: Buffer): Buffer {
  const text = path.toString("latin1");
  return /[*?[]/.test(text) ? Buffer.from(text.replace(/[\\*?[]/g, "\\$&"), "latin1") : path;
}
