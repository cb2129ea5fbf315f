/** The faults of a configuration text that must not be accepted, line by line. */

import assert from "node:assert/strict";
import { parseAgentConfig } from "../../../agent/config/agent-config.ts";
import { LuksmithError } from "../../../common/errors.ts";

export function faultsOf(text: string): string[] {
  try {
    parseAgentConfig(text, "agent.yaml");
  } catch (error) {
    assert.ok(error instanceof LuksmithError);
    assert.equal(error.code, "config");
    return error.message.split("\n");
  }
  assert.fail(`it was accepted:\n${text}`);
}
