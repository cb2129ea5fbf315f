import assert from "node:assert/strict";
import { test } from "node:test";
import { type Environment, fitColumns, type Screen, Terminal } from "../../../cli/terminal.ts";

class Recorder implements Screen {
  readonly isTTY: boolean;
  readonly columns: number;
  written = "";

  constructor(isTTY: boolean, columns = 40) {
    this.isTTY = isTTY;
    this.columns = columns;
  }

  write(data: string | Uint8Array): boolean {
    this.written += Buffer.from(data).toString();
    return true;
  }
}

function terminal(isTTY: boolean, environment: Environment = {}, columns = 40) {
  const screen = new Recorder(isTTY, columns);
  return { screen, terminal: new Terminal(screen, screen, environment) };
}

test("the live line is redrawn in place, and gone before anything else is written", () => {
  const { screen, terminal: to } = terminal(true);
  to.showLive("one");
  to.showLive("one");
  to.showLive("two");
  to.outLine("result");
  to.showLive("three");
  to.errLine("message");
  to.clear();
  assert.equal(screen.written, "\r\x1b[Kone\r\x1b[Ktwo\r\x1b[Kresult\n\r\x1b[Kthree\r\x1b[Kmessage\n");
});

test("the live line never wraps", () => {
  const { screen, terminal: to } = terminal(true, {}, 10);
  to.showLive("x".repeat(50));
  assert.equal(screen.written, `\r\x1b[K${"x".repeat(9)}`);
});

test("where there is no terminal, or a dumb one, there is no live line", () => {
  for (const { screen, terminal: to } of [terminal(false), terminal(true, { TERM: "dumb" })]) {
    assert.equal(to.live, false);
    to.showLive("one");
    to.clear();
    assert.equal(screen.written, "");
  }
});

test("colours are for terminals, unless NO_COLOR says no", () => {
  assert.equal(terminal(true).terminal.paintOut("red", "x"), "\x1b[31mx\x1b[39m");
  assert.equal(terminal(true, { NO_COLOR: "" }).terminal.paintErr("red", "x"), "\x1b[31mx\x1b[39m");
  assert.equal(terminal(true, { NO_COLOR: "1" }).terminal.paintOut("red", "x"), "x");
  assert.equal(terminal(true, { TERM: "dumb" }).terminal.paintErr("red", "x"), "x");
  assert.equal(terminal(false).terminal.paintOut("red", "x"), "x");
});

const fits: [text: string, columns: number, shown: string][] = [
  ["copy  35 %", 10, "copy  35 %"],
  ["copy  35 %  1,204 files", 22, "copy  35 %"],
  ["copy  35 %  1,204 files", 23, "copy  35 %  1,204 files"],
  ["abcdef", 3, "abc"],
  ["日本語", 5, "日本"],
  ["日本語", 6, "日本語"],
  ["a", 0, ""],
];

for (const [text, columns, shown] of fits) {
  test(`"${text}" in ${columns} columns`, () => assert.equal(fitColumns(text, columns), shown));
}
