/** How everything of ours is bundled, for release and for the lab alike. */

import type { BuildOptions } from "esbuild";
import { builtinImports } from "./builtin-imports.ts";

export const bundling: BuildOptions = {
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node24",
  // carries a native library, which it finds beside itself
  external: ["koffi"],
  plugins: [builtinImports],
  sourcemap: "linked",
  logLevel: "warning",
};
