/** Bundles each program into one file: it starts in a third of the time that its hundreds of modules take. */

import { chmod } from "node:fs/promises";
import { build } from "esbuild";
import { bundling } from "./bundling.ts";

const programs = { luksmith: "cli/main.ts", "luksmith-agent": "agent/main.ts" };

export async function buildPrograms(): Promise<void> {
  await build({
    ...bundling,
    entryPoints: programs,
    outdir: "dist",
    minifySyntax: true,
    legalComments: "linked",
  });
  for (const name of Object.keys(programs)) await chmod(`dist/${name}.mjs`, 0o755);
}

if (import.meta.main) await buildPrograms();
