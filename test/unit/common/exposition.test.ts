import assert from "node:assert/strict";
import { test } from "node:test";
import { exposition } from "../../../common/exposition.ts";

test("gauges and counters, as Prometheus reads them", () => {
  const text = exposition([
    { name: "a_seconds", help: "What it is", type: "gauge", samples: [{ labels: {}, value: 1.5 }] },
    { name: "none", help: "", type: "gauge", samples: [] },
    {
      name: "b_total",
      help: "two\nlines \\",
      type: "counter",
      samples: [
        { labels: { x: 'a "quoted" \\ back\nslash', y: "2" }, value: 3 },
        { labels: { x: "", y: "" }, value: 0 },
      ],
    },
  ]);
  assert.equal(
    text,
    `# HELP a_seconds What it is
# TYPE a_seconds gauge
a_seconds 1.5
# HELP b_total two\\nlines \\\\
# TYPE b_total counter
b_total{x="a \\"quoted\\" \\\\ back\\nslash",y="2"} 3
b_total{x="",y=""} 0
`,
  );
});
