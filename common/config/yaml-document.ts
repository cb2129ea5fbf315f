/**
 * YAML 1.2 (core schema), narrowed to what a configuration needs: one document, text keys, no key twice, and none of
 * anchors, aliases, tags and directives, so that each thing stands where it is said and means what it looks like.
 */

import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, parseDocument } from "yaml";
import { quoteText } from "../quote.ts";
import type { ConfigPath } from "./path.ts";

export interface YamlFault {
  readonly line: number;
  readonly column: number;
  readonly path: ConfigPath;
  readonly message: string;
}

export interface YamlDocument {
  /** undefined when there are faults in the syntax itself: nothing more can be said of it then. */
  readonly value: unknown;
  readonly faults: readonly YamlFault[];
  /** Where a key or a value stands; for what is not in the file, where the nearest thing around it stands. */
  placeOf(path: ConfigPath, part: "key" | "value"): { line: number; column: number };
}

const options = {
  version: "1.2",
  schema: "core",
  merge: false,
  resolveKnownTags: false,
  stringKeys: true,
  // reported by us, with the path
  uniqueKeys: false,
  prettyErrors: false,
  // "silent" would let a second document pass unread
  logLevel: "error",
} as const;

export function parseYaml(text: string): YamlDocument {
  const lineCounter = new LineCounter();
  return narrowed(parseDocument(text, { ...options, lineCounter }), text, lineCounter);
}

/** Several in one text, with "---" between them. Those that say nothing are left out, unless there is no other. */
export function parseYamlDocuments(text: string): YamlDocument[] {
  const lineCounter = new LineCounter();
  // of an empty text the library makes a list with properties of its own
  const documents = [...parseAllDocuments(text, { ...options, lineCounter })];
  const speaking = documents.filter((document) => document.errors.length > 0 || !isEmpty(document));
  if (speaking.length === 0) return [parseYaml("")];
  return speaking.map((document) => narrowed(document, text, lineCounter));
}

function narrowed(document: Document.Parsed, text: string, lineCounter: LineCounter): YamlDocument {
  const place = (offset: number) => {
    const { line, col } = lineCounter.linePos(offset);
    // an empty text has no line yet
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const faults: YamlFault[] = [];
  const fault = (offset: number, path: ConfigPath, message: string) => faults.push({ ...place(offset), path, message });
  const walk = new Walk(fault);
  const placeOf: YamlDocument["placeOf"] = (path, part) => place(walk.offsetOf(path, part));

  // tags are all refused below, whether the parser knows them or not
  const problems = [...document.errors, ...document.warnings].filter(({ code }) => code !== "TAG_RESOLVE_FAILED");
  for (const { code, pos, message } of problems) {
    fault(pos[0], [], wordings[code] ?? `is not valid YAML: ${message}`);
  }
  const directive = /^%.*/m.exec(text);
  if (document.directives?.yaml.explicit === true && directive) {
    fault(directive.index, [], "YAML directives are not allowed here");
  }
  walk.visit(document.contents, []);
  if (problems.length === 0 && isEmpty(document)) fault(0, [], "the file says nothing");
  const readable = problems.length === 0 && !isEmpty(document) && !walk.aliases;
  return { value: readable ? document.toJS({ maxAliasCount: 0 }) : undefined, faults, placeOf };
}

function isEmpty({ contents }: Document.Parsed): boolean {
  return contents === null || (isScalar(contents) && contents.source === "");
}

/** Where the parser's own words would not help. */
const wordings: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: "there must be one document only",
  NON_STRING_KEY: "keys must be text",
  RESOURCE_EXHAUSTION: "is nested too deeply",
};

/** One walk over the whole document: finds what is refused, remembers where each key and value stands. */
class Walk {
  aliases = false;
  readonly #fault: (offset: number, path: ConfigPath, message: string) => void;
  readonly #offsets = new Map<string, { key: number | undefined; value: number }>();

  constructor(fault: (offset: number, path: ConfigPath, message: string) => void) {
    this.#fault = fault;
  }

  offsetOf(path: ConfigPath, part: "key" | "value"): number {
    for (let length = path.length; length >= 0; length -= 1) {
      const found = this.#offsets.get(placeKey(path.slice(0, length)));
      // what is missing is missing from the mapping around it, which people find by its key
      if (found) return length === path.length && part === "value" ? found.value : (found.key ?? found.value);
    }
    return 0;
  }

  visit(node: unknown, path: ConfigPath, key?: number): void {
    const offset = this.#properties(node, path);
    this.#offsets.set(placeKey(path), { key, value: offset ?? key ?? 0 });
    if (isMap(node)) {
      const names = new Set<string>();
      for (const pair of node.items) {
        const name = isScalar(pair.key) ? String(pair.key.value) : "";
        const inner = [...path, name];
        const at = this.#properties(pair.key, inner) ?? offset ?? 0;
        if (names.has(name)) {
          this.#fault(at, inner, "is here twice");
          this.#forget(inner);
        }
        // JavaScript gives this name a meaning of its own; nothing of ours is called so
        if (name === "__proto__") this.#fault(at, inner, "unknown key");
        names.add(name);
        this.visit(pair.value, inner, at);
      }
    } else if (isSeq(node)) {
      for (const [index, item] of node.items.entries()) this.visit(item, [...path, index]);
    }
  }

  /** The last of two with one key is the one whose value counts, so what stood in the first has no place any more. */
  #forget(path: ConfigPath): void {
    const beginning = `${placeKey(path).slice(0, -1)},`;
    for (const key of this.#offsets.keys()) {
      if (key.startsWith(beginning)) this.#offsets.delete(key);
    }
  }

  /** @returns where the node begins, if there is one */
  #properties(node: unknown, path: ConfigPath): number | undefined {
    if (isAlias(node)) {
      this.aliases = true;
      const at = node.range?.[0] ?? 0;
      this.#fault(at, path, `aliases are not read here: write out what ${quoteText(`*${node.source}`)} stands for`);
      return at;
    }
    if (!isMap(node) && !isSeq(node) && !isScalar(node)) return undefined;
    const at = node.range?.[0] ?? 0;
    if (node.anchor !== undefined) this.#fault(at, path, `anchors are not read here: ${quoteText(`&${node.anchor}`)}`);
    if (node.tag !== undefined) this.#fault(at, path, `tags are not read here: ${quoteText(node.tag)}`);
    return at;
  }
}

function placeKey(path: ConfigPath): string {
  return JSON.stringify(path.map(String));
}
