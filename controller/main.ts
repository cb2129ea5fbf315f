#!/usr/bin/env node
/** luksmith-controller: reads its command line, and hands over. */

import { runCommand } from "../common/command-line.ts";
import { controllerCommand } from "./command.ts";

await runCommand(controllerCommand);
