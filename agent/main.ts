#!/usr/bin/env -S node --jitless --max-semi-space-size=1 --v8-pool-size=1
/**
 * luksmith-agent: reads its command line, and hands over. The flags above suit a program that mostly starts others and
 * waits: it creates little that lives short, one thread is enough to collect it, and what is interpreted takes less
 * memory, makes starting a child cheaper (there is less to copy), and leaves nobody memory that can be written and run.
 */

import { runCommand } from "../common/command-line.ts";
import { agentCommand } from "./command.ts";

await runCommand(agentCommand);
