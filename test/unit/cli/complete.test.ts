import assert from "node:assert/strict";
import { test } from "node:test";
import { pathDirective } from "../../../cli/completion/complete.ts";

const directories = 16;
const files = 0;
const table: [words: string[], flag: number | undefined][] = [
  [["restore", "home", "--to", ""], directories],
  [["restore", "home", "--to", "/t"], directories],
  [["restore", "home", "--to=/t"], directories],
  [["restore", "home", "--paths0-from", ""], files],
  [["--socket", "/r"], files],
  [["--socket=/r"], files],
  [["restore", "home", "--to", "/t", ""], undefined],
  [["backup", ""], undefined],
  [[], undefined],
];

for (const [words, flag] of table) {
  test(`${words.join(" ")}| is ${flag ?? "no path"}`, () => assert.equal(pathDirective(words), flag));
}
