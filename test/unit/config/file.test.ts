import assert from "node:assert/strict";
import { test } from "node:test";
import * as z from "zod";
import { readConfig } from "../../../common/config/file.ts";
import { LuksmithError } from "../../../common/errors.ts";

const colour = z.strictObject({
  name: z.string(),
  depth: z.int().min(1).max(32).optional(),
  shade: z.enum(["light", "dark"]).optional(),
  retired: z.never({ error: "is no more" }).optional(),
});

const schema = z.strictObject({
  title: z.string().min(1),
  open: z.boolean().optional(),
  colours: z.record(z.string(), colour).optional(),
  tags: z.array(z.union([z.string(), z.array(z.string()).min(1)], { error: "must be text or texts" })).optional(),
});

function faultsOf(text: string): string[] {
  try {
    readConfig(schema, text, "f");
  } catch (error) {
    assert.ok(error instanceof LuksmithError);
    assert.equal(error.code, "config");
    return error.message.split("\n");
  }
  assert.fail("it was accepted");
}

test("what the schema makes of it is returned", () => {
  const text = "title: x\nopen: true\ncolours: { a: { name: b, depth: 0x10 } }\ntags: [a, [b, c]]\n";
  assert.deepEqual(readConfig(schema, text, "f"), {
    title: "x",
    open: true,
    colours: { a: { name: "b", depth: 16 } },
    tags: ["a", ["b", "c"]],
  });
});

test("YAML 1.2: yes, on and octals of old are text and numbers as they look", () => {
  assert.deepEqual(readConfig(schema, "title: yes\ncolours: { 1: { name: on, depth: 010 } }", "f"), {
    title: "yes",
    colours: { "1": { name: "on", depth: 10 } },
  });
});

const table: readonly (readonly [string, string, readonly string[]])[] = [
  ["nothing", "", ["f:1:1: the file says nothing"]],
  ["comments alone", "# a\n# b\n", ["f:1:1: the file says nothing"]],
  ["a list at the top", "- a\n", ["f:1:1: must be a mapping, but is a list"]],
  ["a text at the top", "a\n", ["f:1:1: must be a mapping, but is text"]],
  ["something missing at the top", "open: true\n", ["f:1:1: title: is missing"]],
  [
    "something missing further down, at the key around it",
    "title: x\ncolours:\n  red: { depth: 1 }\n",
    ["f:3:3: colours.red.name: is missing"],
  ],
  ["an unknown key, with what was meant", "titel: x\ntitle: x\n", ['f:1:1: titel: unknown key; did you mean "title"?']],
  [
    "an unknown key further down",
    "title: x\ncolours: { red: { name: a, dept: 3 } }\n",
    ['f:2:28: colours.red.dept: unknown key; did you mean "depth"?'],
  ],
  ["an unknown key that resembles nothing", "title: x\nzzzzzz: 1\n", ["f:2:1: zzzzzz: unknown key"]],
  [
    "an unknown key is never led to one that must be left out",
    "title: x\ncolours: { red: { name: a, retire: 3 } }\n",
    ["f:2:28: colours.red.retire: unknown key"],
  ],
  [
    "a key that must be left out, at the key",
    "title: x\ncolours: { red: { name: a, retired: { since: 3 } } }\n",
    ["f:2:28: colours.red.retired: is no more"],
  ],
  [
    "kinds",
    "title: 3\nopen: x\ncolours: []\ntags: {}\n",
    [
      "f:1:8: title: must be text, but is a number; put it in quotes",
      "f:2:7: open: must be true or false, but is text",
      "f:3:10: colours: must be a mapping, but is a list",
      "f:4:7: tags: must be a list, but is a mapping",
    ],
  ],
  ["a key with nothing after it", "title:\n", ["f:1:7: title: must be text, but is empty"]],
  ["an empty text", 'title: ""\n', ["f:1:8: title: must not be empty"]],
  [
    "numbers",
    "title: x\ncolours:\n  a: { name: b, depth: 0 }\n  c: { name: d, depth: 33 }\n  e: { name: f, depth: 1.5 }\n",
    [
      "f:3:24: colours.a.depth: must be at least 1",
      "f:4:24: colours.c.depth: must be at most 32",
      "f:5:24: colours.e.depth: must be a whole number",
    ],
  ],
  [
    "one of a few",
    "title: x\ncolours: { a: { name: b, shade: drak } }\n",
    ['f:2:33: colours.a.shade: must be one of light, dark; did you mean "dark"?'],
  ],
  [
    "forms: the fault of the form that was meant, or all forms",
    "title: x\ntags: [a, [b, 3], [], true]\n",
    [
      "f:2:15: tags[1][1]: must be text, but is a number; put it in quotes",
      "f:2:19: tags[2]: must not be empty",
      "f:2:23: tags[3]: must be text or texts",
    ],
  ],
  ["a key twice", "title: x\ntitle: y\n", ["f:2:1: title: is here twice"]],
  [
    "a key twice, and other faults all the same",
    "title: x\ncolours:\n  a: { name: b }\n  a: { nam: b }\n",
    [
      "f:4:3: colours.a: is here twice",
      "f:4:3: colours.a.name: is missing",
      'f:4:8: colours.a.nam: unknown key; did you mean "name"?',
    ],
  ],
  ["a name that JavaScript knows", "title: x\n__proto__: { open: true }\n", ["f:2:1: __proto__: unknown key"]],
  [
    "a name that JavaScript knows, where any name may stand",
    "title: x\ncolours: { __proto__: { name: a } }\n",
    ["f:2:12: colours.__proto__: unknown key"],
  ],
  [
    "an anchor and an alias",
    "title: &a x\ncolours: *a\n",
    [
      'f:1:11: title: anchors are not read here: "&a"',
      'f:2:10: colours: aliases are not read here: write out what "*a" stands for',
    ],
  ],
  [
    "aliases of aliases of aliases, which are never multiplied out",
    `a: &a [x, x]\n${["b", "c", "d", "e"].map((key, at) => `${key}: &${key} [${`*${"abcd"[at]}, `.repeat(20)}]`).join("\n")}\n`,
    [
      'f:1:7: a: anchors are not read here: "&a"',
      ...["b", "c", "d", "e"].flatMap((key, at) => [
        `f:${at + 2}:7: ${key}: anchors are not read here: "&${key}"`,
        ...Array.from(
          { length: 20 },
          (_, index) =>
            `f:${at + 2}:${8 + 4 * index}: ${key}[${index}]: aliases are not read here: write out what "*${"abcd"[at]}" stands for`,
        ),
      ]),
    ],
  ],
  ["a merge key", "title: x\n<<: { open: true }\n", ['f:2:1: ["<<"]: unknown key']],
  [
    "tags",
    "title: !!str 3\nopen: !x true\n",
    [
      'f:1:14: title: tags are not read here: "tag:yaml.org,2002:str"',
      'f:2:10: open: tags are not read here: "!x"',
      "f:2:10: open: must be true or false, but is text",
    ],
  ],
  ["a directive", "%YAML 1.1\n---\ntitle: x\n", ["f:1:1: YAML directives are not allowed here"]],
  ["a second document", "title: x\n---\ntitle: y\n", ["f:2:1: there must be one document only"]],
  ["a key that is a list", "title: x\n? [a]\n: b\n", ["f:2:3: keys must be text"]],
  [
    "a key that could break the line, and the terminal",
    'title: x\n"a\\nf:1:1: b\\e[31m": 1\n',
    ['f:2:1: ["a\\u{a}f:1:1: b\\u{1b}[31m"]: unknown key'],
  ],
];

for (const [name, text, expected] of table) {
  test(name, () => assert.deepEqual(faultsOf(text), expected));
}

test("faults in the syntax are reported together, and nothing is guessed beyond them", () => {
  const faults = faultsOf('title: "x\ncolours: [a\n');
  assert.ok(faults.length >= 1);
  for (const fault of faults) assert.match(fault, /^f:\d+:\d+: is not valid YAML: /);
});

test("nesting without end is a fault, not a crash", () => {
  for (const text of ["[".repeat(50_000), "- ".repeat(20_000), "{a: ".repeat(20_000)]) {
    assert.match(faultsOf(text).join("\n"), /^f:1:\d+: is nested too deeply$/m);
  }
});

test("a secret in the wrong place is not repeated", () => {
  const faults = faultsOf("title: x\ncolours: hunter2\nopen: hunter2\ntags: [{ passphrase: hunter2 }]\n");
  assert.equal(faults.length, 3);
  assert.doesNotMatch(faults.join("\n"), /hunter2/);
});
