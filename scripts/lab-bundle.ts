/** Bundles what runs in the lab into single files: reading hundreds of modules there takes longer than most tests. */

import { join, relative } from "node:path";
import { build } from "esbuild";

/** What bundled code that still calls require needs. */
export const requireBanner =
  'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);';

const outdir = "dist/lab";

/** @returns where each went, in the same order */
export async function bundleForLab(files: readonly string[]): Promise<string[]> {
  await build({
    entryPoints: [...files],
    outdir,
    outbase: "test/lab",
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node24",
    external: ["koffi"],
    banner: { js: requireBanner },
    // beside the bundle, for source-locations.ts: the guest need not read them
    sourcemap: "linked",
    logLevel: "warning",
  });
  return files.map((file) => join(outdir, relative("test/lab", file).replace(/\.ts$/, ".mjs")));
}
