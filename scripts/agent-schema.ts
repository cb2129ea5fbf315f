/** Writes deploy/agent.schema.json anew (`biome check --write` then shapes it); a unit test fails while it differs from the code. */

import { writeFile } from "node:fs/promises";
import { agentConfigJsonSchema } from "../agent/config/agent-config.ts";

await writeFile(
  new URL("../deploy/agent.schema.json", import.meta.url),
  `${JSON.stringify(agentConfigJsonSchema(), null, 2)}\n`,
);
