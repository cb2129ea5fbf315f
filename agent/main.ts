#!/usr/bin/env node
/** luksmith-agent: reads its command line, and hands over. */

import { asLuksmithError } from "../common/errors.ts";
import { agentCommand } from "./command.ts";

try {
  process.exitCode = await agentCommand(process.argv);
} catch (thrown) {
  const error = asLuksmithError(thrown);
  process.stderr.write(`error: ${error.message}\n${error.hint === undefined ? "" : `hint: ${error.hint}\n`}`);
  process.exitCode = error.exitCode;
}
