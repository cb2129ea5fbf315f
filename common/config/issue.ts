/** What zod finds wrong, as faults in the words of the file: one for each key or value, with its path. */

import * as z from "zod";
import { nearest } from "../nearest.ts";
import { quoteText } from "../quote.ts";
import type { ConfigPath } from "./path.ts";

export interface ConfigIssue {
  readonly path: ConfigPath;
  /** Is it about the key, or about what stands after it? */
  readonly part: "key" | "value";
  readonly message: string;
}

/**
 * A custom issue is about the key at its path if its `params` are `{ part: "key" }`.
 * @returns the value the schema makes of it, or every fault that it finds */
export function checkConfig<T>(
  schema: z.ZodType<T>,
  value: unknown,
): { value: T; issues: undefined } | { issues: ConfigIssue[] } {
  const result = schema.safeParse(value, { error: describe });
  if (result.success) return { value: result.data, issues: undefined };
  return { issues: result.error.issues.flatMap((issue) => flatten(issue, [], schema)) };
}

function flatten(issue: z.core.$ZodIssue, prefix: ConfigPath, schema: z.ZodType): ConfigIssue[] {
  const path = [...prefix, ...issue.path];
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = knownKeys(schema, path);
      return issue.keys.map((key) => {
        const near = nearest(key, known);
        const suggestion = near === undefined ? "" : `; did you mean ${quoteText(near)}?`;
        return { path: [...path, key], part: "key", message: `unknown key${suggestion}` };
      });
    }
    case "invalid_key":
      return issue.issues.map(({ message }) => ({ path, part: "key", message }));
    case "invalid_union": {
      // the one form whose kind of value it is says best what is wrong with it
      const [only, ...others] = issue.errors.filter((branch) => !isOfAnotherKind(branch));
      if (only !== undefined && only.length > 0 && others.length === 0) {
        return only.flatMap((inner) => flatten(inner, path, schema));
      }
      return [{ path, part: "value", message: issue.message }];
    }
    case "invalid_type":
      return [{ path, part: issue.expected === "never" ? "key" : "value", message: issue.message }];
    case "custom":
      return [{ path, part: issue.params?.part === "key" ? "key" : "value", message: issue.message }];
    default:
      return [{ path, part: "value", message: issue.message }];
  }
}

/** A form that is not meant at all: text where it has a mapping. One of several forms itself is not meant when none of them is. */
function isOfAnotherKind(branch: readonly z.core.$ZodIssue[]): boolean {
  return branch.some(
    (issue) =>
      issue.path.length === 0 &&
      (issue.code === "invalid_type" || (issue.code === "invalid_union" && issue.errors.every(isOfAnotherKind))),
  );
}

/** The wording where the schema has none of its own. */
function describe(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.input === undefined && issue.code !== "custom") return "is missing";
  switch (issue.code) {
    case "invalid_type":
      return describeKind(issue.expected, issue.input);
    case "invalid_value":
      return describeChoice(issue.values.map(String), issue.input);
    case "too_small":
      if (issue.origin === "array")
        return issue.minimum === 1 ? "must not be empty" : `must have ${issue.minimum} entries at least`;
      if (issue.origin === "string") return issue.minimum === 1 ? "must not be empty" : `must be longer`;
      return `must be at least ${issue.minimum}`;
    case "too_big":
      return issue.origin === "array" || issue.origin === "string" ? "is too long" : `must be at most ${issue.maximum}`;
    default:
      return undefined;
  }
}

function describeKind(expected: string, input: unknown): string {
  const wanted = kinds[expected] ?? expected;
  const given = kindOf(input);
  if (given === "a number" && expected === "int") return `must be ${wanted}`;
  const quotes = expected === "string" && /number|true/.test(given) ? "; put it in quotes" : "";
  return `must be ${wanted}, but is ${given}${quotes}`;
}

function describeChoice(choices: string[], input: unknown): string {
  const near = typeof input === "string" ? nearest(input, choices) : undefined;
  const suggestion = near === undefined ? "" : `; did you mean ${quoteText(near)}?`;
  return `must be ${choices.length === 1 ? "" : "one of "}${choices.join(", ")}${suggestion}`;
}

const kinds: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping",
  record: "a mapping",
};

function kindOf(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  return kinds[typeof value] ?? typeof value;
}

type JsonSchema = z.core.JSONSchema._JSONSchema;

/** The keys that a mapping may have at `path`, read from the JSON Schema of the schema. */
function knownKeys(schema: z.ZodType, path: ConfigPath): string[] {
  let places: JsonSchema[] = branches(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }));
  for (const segment of path) {
    places = places.flatMap((place) => {
      if (typeof place === "boolean") return [];
      if (typeof segment === "number") return items(place);
      return branches(place.properties?.[String(segment)] ?? place.additionalProperties ?? false);
    });
  }
  return (
    places
      .flatMap((place) => (typeof place === "boolean" ? [] : Object.entries(place.properties ?? {})))
      // nobody should be led to a key that must be left out
      .filter(([, value]) => typeof value === "boolean" || value.not === undefined)
      .map(([key]) => key)
  );
}

function items(place: z.core.JSONSchema.BaseSchema): JsonSchema[] {
  if (place.items === undefined) return [];
  return (Array.isArray(place.items) ? place.items : [place.items]).flatMap(branches);
}

/** A union counts as all of its forms. */
function branches(place: JsonSchema): JsonSchema[] {
  if (typeof place === "boolean") return [];
  return [place, ...(place.anyOf ?? []), ...(place.oneOf ?? []), ...(place.allOf ?? [])];
}
