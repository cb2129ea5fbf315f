/** Bundles what runs in the lab into single files: reading hundreds of modules there takes longer than most tests. */

import { globSync } from "node:fs";
import { join, relative } from "node:path";
import { build } from "esbuild";
import { bundling } from "./bundling.ts";

const outdir = "dist/lab";
/** What tests start as somebody else. */
const programs = "test/lab/*/programs/*.ts";

/** @returns where each went, in the same order */
export async function bundleForLab(files: readonly string[]): Promise<string[]> {
  await build({
    ...bundling,
    entryPoints: [...files, ...globSync(programs)],
    outdir,
    outbase: "test/lab",
  });
  return files.map((file) => join(outdir, relative("test/lab", file).replace(/\.ts$/, ".mjs")));
}
