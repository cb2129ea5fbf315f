/** How everything of ours is bundled, for release and for the lab alike. */

import type { BuildOptions } from "esbuild";

export const bundling = {
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node24",
  // carries a native library, which it finds beside itself
  external: ["koffi"],
  // packages that are still CommonJS call require
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
  sourcemap: "linked",
  logLevel: "warning",
} as const satisfies BuildOptions;
