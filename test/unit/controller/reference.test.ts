import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { rights } from "../../../controller/operators/rights.ts";
import { readSchedules } from "../../../controller/schedule/schedule-file.ts";
import { fieldsOf } from "../../../controller/schedule/written-form.ts";

const text = readFileSync(new URL("../../../docs/fleet-reference.md", import.meta.url), "utf8");

test("the schedule in docs/fleet-reference.md is one, and its table has every key", () => {
  const examples = [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, yaml = ""]) => yaml);
  const schedules = examples.flatMap((example) => readSchedules(example, "docs/fleet-reference.md"));
  assert.equal(schedules.length, 1);
  const keys = schedules.flatMap(fieldsOf).map(({ name }) => name.replace(/\..*/, ""));
  for (const key of [...keys, "volume", "level"]) assert.match(text, new RegExp(`^\\| .*\`${key}\`.* \\|`, "m"), key);
});

test("its table of roles says what the code says", () => {
  const rows = [...text.matchAll(/^\| (viewer|operator|admin) \| (.*) \| (yes|no) \|$/gm)];
  const told = rows.flatMap(([, role, words = "", scoped]) =>
    words.split(", ").map((word) => `${role} ${scoped} ${word}`),
  );
  const actual = Object.values(rights).map(
    ({ role, reach, words }) => `${role} ${reach === "machines" ? "yes" : "no"} ${words}`,
  );
  assert.deepEqual(told.toSorted(), [...new Set(actual)].toSorted());
});
