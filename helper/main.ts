#!/usr/bin/env node
/** luksmith-helper: reads its command line, and hands over. */

import { asLuksmithError } from "../common/errors.ts";
import { helperCommand } from "./command.ts";

try {
  process.exitCode = await helperCommand(process.argv);
} catch (thrown) {
  const error = asLuksmithError(thrown);
  process.stderr.write(`error: ${error.message}\n${error.hint === undefined ? "" : `hint: ${error.hint}\n`}`);
  process.exitCode = error.exitCode;
}
// what is left over, such as a reader of standard input, keeps nobody waiting
process.exit();
