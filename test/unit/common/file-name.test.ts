import assert from "node:assert/strict";
import { test } from "node:test";
import { showName, utf8Name } from "../../../common/file-name.ts";

const latin1 = (text: string) => Buffer.from(text, "latin1");

test("plain text is shown as it is", () => {
  for (const name of ["a", "home/alice/Übung.txt", "with blank", '"quoted"', "-rf", "#x", "日本", "🙂", "$(id)"]) {
    assert.equal(showName(Buffer.from(name)), name);
  }
});

const shown: readonly (readonly [Buffer, string])[] = [
  [latin1(""), "$''"],
  [latin1("a\nb"), "$'a\\nb'"],
  [latin1("a\tb\r"), "$'a\\tb\\x0d'"],
  [latin1("\u001b[2J"), "$'\\x1b[2J'"],
  [latin1("\x7f"), "$'\\x7f'"],
  [latin1("it's"), "$'it\\'s'"],
  [latin1("back\\slash"), "$'back\\\\slash'"],
  // a name that looks as if it were quoted already is not
  [latin1("$'a'"), "$'$\\'a\\''"],
  // not UTF-8: every byte that is not plain
  [latin1("\xff\xfea"), "$'\\xff\\xfea'"],
  [latin1("caf\xe9"), "$'caf\\xe9'"],
  [Buffer.concat([Buffer.from("ä"), latin1("\xff")]), "$'\\xc3\\xa4\\xff'"],
  // UTF-8 that deceives: controls of C1, direction, invisible, separators of lines
  [Buffer.from("\u0085"), "$'\\xc2\\x85'"],
  [Buffer.from("a\u202eb"), "$'a\\xe2\\x80\\xaeb'"],
  [Buffer.from("ä\u200b"), "$'ä\\xe2\\x80\\x8b'"],
  [Buffer.from("\ufeffa"), "$'\\xef\\xbb\\xbfa'"],
  [Buffer.from("\u2028"), "$'\\xe2\\x80\\xa8'"],
  // an encoded surrogate and an overlong slash are not UTF-8
  [latin1("\xed\xa0\x80"), "$'\\xed\\xa0\\x80'"],
  [latin1("\xc0\xaf"), "$'\\xc0\\xaf'"],
];

for (const [name, text] of shown) {
  test(`${JSON.stringify(name.toString("latin1"))} is shown as ${text}`, () => {
    assert.equal(showName(name), text);
  });
}

test("no two names look alike", () => {
  const names = Array.from({ length: 256 }, (_, byte) => Buffer.from([byte]));
  assert.equal(new Set(names.map(showName)).size, 256);
  for (const name of names) assert.match(showName(name), /^[^\p{Cc}]+$/u);
});

test("a name as text, only when it is", () => {
  assert.equal(utf8Name(Buffer.from("Übung")), "Übung");
  assert.equal(utf8Name(Buffer.alloc(0)), "");
  assert.equal(utf8Name(latin1("\xff")), undefined);
  assert.equal(utf8Name(latin1("caf\xe9")), undefined);
  // with what looks like a byte order mark, which is part of the name
  assert.equal(utf8Name(Buffer.from("\ufeffa")), "\ufeffa");
});
