import assert from "node:assert/strict";
import { test } from "node:test";
import { formatBytes, formatCount, formatDuration, parseDuration, parseSize, plural } from "../../../common/units.ts";

test("sizes, in powers of 1024", () => {
  const table: readonly (readonly [string, number])[] = [
    ["0", 0],
    ["512", 512],
    ["512B", 512],
    ["64K", 65_536],
    ["64KB", 65_536],
    ["64KiB", 65_536],
    ["1.5G", 1.5 * 2 ** 30],
    ["200 GiB", 200 * 2 ** 30],
    ["2T", 2 ** 41],
    [" 1P ", 2 ** 50],
  ];
  for (const [text, bytes] of table) assert.equal(parseSize(text), bytes, text);
});

test("what is no size", () => {
  const texts = ["", " ", "G", "-1", "+1", "1e3", "0x10", ".5G", "1.G", "1,5G", "200g", "200Gb", "200GiBs", "1G 1M"];
  const more = ["NaN", "Infinity", "1\n2", "9007199254740993", "9".repeat(400), "8193P", "\u0661G", "1GG", "1EiB"];
  for (const text of [...texts, ...more]) assert.equal(parseSize(text), undefined, JSON.stringify(text));
});

test("durations, with a unit always", () => {
  const table: readonly (readonly [string, number])[] = [
    ["850ms", 850],
    ["45s", 45_000],
    ["10m", 600_000],
    ["26h", 93_600_000],
    ["2d", 172_800_000],
    ["1h30m", 5_400_000],
    ["1 h 30 m", 5_400_000],
    ["0s", 0],
  ];
  for (const [text, ms] of table) assert.equal(parseDuration(text), ms, text);
});

test("what is no duration", () => {
  const texts = [
    "",
    "10",
    "h",
    "-1s",
    "1.5h",
    "1h30",
    "10 minutes",
    "1h,30m",
    "1M",
    "1H",
    "x1s",
    "1s x",
    "9".repeat(400),
  ];
  for (const text of [...texts, `${"9".repeat(20)}d`])
    assert.equal(parseDuration(text), undefined, JSON.stringify(text));
});

test("bytes for people", () => {
  const table: readonly (readonly [number, string])[] = [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.00 KiB"],
    [10 * 1024, "10.0 KiB"],
    [100 * 1024, "100 KiB"],
    [78_957_772, "75.3 MiB"],
    [2 ** 30, "1.00 GiB"],
    [2 ** 53 - 1, "8.00 PiB"],
    // never a unit's 1024 of the smaller one
    [2 ** 20 - 1, "1.00 MiB"],
    [1023.4 * 1024, "1023 KiB"],
    [2 ** 40 - 1, "1.00 TiB"],
  ];
  for (const [bytes, text] of table) assert.equal(formatBytes(bytes), text, `${bytes}`);
});

test("what is shown of a size can be read back, but for what was rounded away", () => {
  for (let bytes = 1000; bytes < 2 ** 53; bytes = Math.round(bytes * 1.7)) {
    const back = parseSize(formatBytes(bytes)) ?? Number.NaN;
    assert.ok(Math.abs(back - bytes) <= bytes * 0.006, `${bytes}: ${formatBytes(bytes)}`);
  }
});

test("durations for people", () => {
  const table: readonly (readonly [number, string])[] = [
    [0, "0 ms"],
    [850.4, "850 ms"],
    [7200, "7.2 s"],
    [42_000, "42 s"],
    [59_600, "1 min"],
    [185_000, "3 min 5 s"],
    [3_599_700, "1 h"],
    [7_800_000, "2 h 10 min"],
    [90_000_000, "25 h"],
    [172_800_000, "2 d"],
    [273_600_000, "3 d 4 h"],
  ];
  for (const [ms, text] of table) assert.equal(formatDuration(ms), text, `${ms}`);
});

test("counts", () => {
  assert.equal(formatCount(1_234_567), "1,234,567");
  assert.equal(plural(1, "file"), "1 file");
  assert.equal(plural(0, "file"), "0 files");
  assert.equal(plural(3012, "file"), "3,012 files");
  assert.equal(plural(2, "entry", "entries"), "2 entries");
});
