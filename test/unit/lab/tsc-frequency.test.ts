import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { tscKhz } from "../../lab/harness/tsc-frequency.ts";

const cpuinfo = (fields: Record<string, string>) =>
  Object.entries({ processor: "0", flags: "fpu tsc constant_tsc nonstop_tsc", ...fields })
    .map(([name, value]) => `${name}\t: ${value}\n`)
    .join("");

describe("the frequency of the time stamp counter", () => {
  it("is what the kernel shows where nothing changes it, as in a virtual machine", () => {
    const facts = { cpuinfo: cpuinfo({ "cpu MHz": "2596.138" }), baseFrequency: undefined, scales: false };
    assert.equal(tscKhz(facts), 2_596_138);
  });

  it("is not the frequency of the moment where that changes", () => {
    const text = cpuinfo({ "model name": "Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz", "cpu MHz": "3712.004" });
    assert.equal(tscKhz({ cpuinfo: text, baseFrequency: "1990000", scales: true }), 1_990_000);
    assert.equal(tscKhz({ cpuinfo: text, baseFrequency: undefined, scales: true }), 1_800_000);
  });

  it("is unknown rather than guessed", () => {
    const ryzen = cpuinfo({ "model name": "AMD Ryzen 7 5800X 8-Core Processor", "cpu MHz": "2200.000" });
    assert.equal(tscKhz({ cpuinfo: ryzen, baseFrequency: undefined, scales: true }), undefined);
    const old = cpuinfo({ flags: "fpu tsc", "cpu MHz": "1000.000" });
    assert.equal(tscKhz({ cpuinfo: old, baseFrequency: undefined, scales: false }), undefined);
  });
});
