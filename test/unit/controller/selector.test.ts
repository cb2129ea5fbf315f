import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { labelFault } from "../../../controller/selector/label.ts";
import { namesEveryMachine, Selector } from "../../../controller/selector/selector.ts";

const web1 = { name: "web1", labels: { env: "prod", role: "web" } };
const db1 = { name: "db1", labels: { env: "prod", role: "db" } };
const bare = { name: "spare", labels: {} };
const pending = { name: "", labels: { env: "prod" } };

describe("a selector", () => {
  const cases: [string, string[]][] = [
    ["all", ["web1", "db1", "spare", ""]],
    ["env=prod", ["web1", "db1", ""]],
    ["env=prod,role!=db", ["web1", ""]],
    [" env = prod , role != db ", ["web1", ""]],
    ["role!=db", ["web1", "spare", ""]],
    ["name=web*", ["web1"]],
    ["name=*b1", ["web1", "db1"]],
    ["name=w*b*", ["web1"]],
    ["name=*", ["web1", "db1", "spare"]],
    ["env=*", ["web1", "db1", ""]],
    ["env!=*", ["spare"]],
    ["env=PROD", []],
    ["name=web", []],
    ["name=we*eb1", []],
    ["constructor=*", []],
    ["env=prod,env=test", []],
  ];
  for (const [text, names] of cases) {
    it(`${text} fits ${names.length} of four`, () => {
      const selector = Selector.parse(text);
      const matched = [web1, db1, bare, pending].filter((each) => selector.matches(each)).map(({ name }) => name);
      assert.deepEqual(matched, names);
      assert.equal(Selector.parse(selector.text).text, selector.text);
    });
  }

  it("is written down without spaces", () => {
    assert.equal(Selector.parse(" env = prod , role != db").text, "env=prod,role!=db");
  });

  it("with many stars takes no time", () => {
    const selector = Selector.parse(`name=${"*a".repeat(31)}`);
    const value = "a".repeat(30);
    assert.equal(selector.matches({ name: value, labels: {} }), false);
  });

  const faults: [string, RegExp, RegExp][] = [
    ["", /is empty/, /such as "env=prod/],
    [" ", /is empty/, /"all" is every machine/],
    ["web1", /at character 1: "web1" says no value/, /^name=web1 for the machine of that name; web1=\*/],
    ["env=prod,", /at character 10: a part is missing/, /leave out the comma/],
    ["env=prod, ,a=b", /at character 11: a part/, /comma/],
    ["env=prod, Role=db", /at character 11: "Role" cannot be the name of a label/, /such as/],
    ["env==prod", /at character 1: write one "="/, /^env=prod$/],
    ["env=", /what env is to be is missing/, /^env=\* for any value/],
    ["env!=", /what env is to be is missing/, /^env!=\* for any value/],
    ["env=prod,all", /at character 10: "all" stands alone/, /leave out/],
    ["env=a b", /"a b" cannot be the value of a label/, /letters, digits/],
    ["env=\u001b[31m", /"\\u\{1b\}\[31m" cannot be the value/, /letters/],
    ["!=x", /"" cannot be the name/, /such as/],
    ["x".repeat(1001), /is longer than 1000 characters/, /such as/],
    [Array(33).fill("a=b").join(","), /has more than 32 parts/, /such as/],
  ];
  for (const [text, message, hint] of faults) {
    it(`${JSON.stringify(text.slice(0, 30))} is refused`, () => {
      assert.throws(
        () => Selector.parse(text),
        (error: { code: string; message: string; hint: string }) => {
          assert.equal(error.code, "usage");
          assert.match(error.message, message);
          assert.match(error.hint, hint);
          return true;
        },
      );
    });
  }
});

describe("naming every machine", () => {
  const cases: [string, number, number, boolean][] = [
    ["all", 0, 0, true],
    ["all", 5, 5, true],
    ["env=prod", 5, 5, true],
    ["env=prod", 4, 5, false],
    ["env=prod", 1, 1, false],
    ["name=*", 5, 5, true],
    ["name=web1", 1, 1, false],
    ["env=prod", 0, 0, false],
  ];
  for (const [text, selected, machines, expected] of cases) {
    it(`${text}, ${selected} of ${machines}: ${expected}`, () => {
      assert.equal(namesEveryMachine(Selector.parse(text), selected, machines), expected);
    });
  }
});

describe("a label", () => {
  for (const [name, value] of [
    ["env", "prod"],
    ["example.org/role", "DB-1"],
    ["a", "1"],
  ] as const) {
    it(`${name}=${value} may be`, () => assert.equal(labelFault(name, value), undefined));
  }
  for (const [name, value, fault] of [
    ["name", "web1", /"name" cannot be a label/],
    ["all", "x", /"all" cannot be a label/],
    ["", "x", /a name is 1 to 63/],
    ["Env", "x", /a name is/],
    ["-env", "x", /a name is/],
    ["e".repeat(64), "x", /a name is/],
    ["env", "", /a value is 1 to 63/],
    ["env", "a*", /a value is/],
    ["env", "a,b=c", /a value is/],
    ["env", "a\n", /"env=a\\u\{a\}": a value is/],
    ["__proto__", "x", /a name is/],
  ] as const) {
    it(`${JSON.stringify(`${name}=${value}`.slice(0, 20))} may not be`, () =>
      assert.match(labelFault(name, value) ?? "", fault));
  }
});
