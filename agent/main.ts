#!/usr/bin/env -S node --max-semi-space-size=1 --v8-pool-size=1
/**
 * luksmith-agent: reads its command line, and hands over. The flags above keep its idle memory small: it creates little
 * that lives short, and one thread is enough to collect it.
 */

import { asLuksmithError } from "../common/errors.ts";
import { agentCommand } from "./command.ts";

try {
  process.exitCode = await agentCommand(process.argv);
} catch (thrown) {
  const error = asLuksmithError(thrown);
  process.stderr.write(`error: ${error.message}\n${error.hint === undefined ? "" : `hint: ${error.hint}\n`}`);
  process.exitCode = error.exitCode;
}
