#!/usr/bin/env node
/** luksmith-helper: reads its command line, and hands over. */

import { runCommand } from "../common/command-line.ts";
import { helperCommand } from "./command.ts";

await runCommand(helperCommand);
// what is left over, such as a reader of standard input, keeps nobody waiting
process.exit();
