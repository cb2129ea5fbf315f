import assert from "node:assert/strict";
import { test } from "node:test";
import { retryPolicyOf } from "../../../agent/verbs/start-work.ts";

const own = { attempts: 5, firstWaitMs: 120_000, longestWaitMs: 900_000 };

for (const [what, rule, policy] of [
  ["nothing said: the machine's own", undefined, own],
  ["zeros say nothing", { attempts: 0, waitMs: 0, longestWaitMs: 0 }, own],
  ["part of it", { attempts: 2, waitMs: 0, longestWaitMs: 0 }, { ...own, attempts: 2 }],
  [
    "all of it",
    { attempts: 1, waitMs: 1000, longestWaitMs: 2000 },
    { attempts: 1, firstWaitMs: 1000, longestWaitMs: 2000 },
  ],
  [
    "no more than a configuration could say",
    { attempts: 4_000_000_000, waitMs: 2 ** 50, longestWaitMs: 2 ** 50 },
    { attempts: 100, firstWaitMs: 3_600_000, longestWaitMs: 86_400_000 },
  ],
] as const) {
  test(what, () => assert.deepEqual(retryPolicyOf(rule, own), policy));
}
