/** Writes deploy/controller.schema.json anew (`biome check --write` then shapes it); a unit test fails while it differs from the code. */

import { writeFile } from "node:fs/promises";
import { controllerConfigJsonSchema } from "../controller/config/controller-config.ts";

await writeFile(
  new URL("../deploy/controller.schema.json", import.meta.url),
  `${JSON.stringify(controllerConfigJsonSchema(), null, 2)}\n`,
);
