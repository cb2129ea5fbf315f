/** How everything of ours is bundled, for release and for the lab alike. */

import type { BuildOptions } from "esbuild";
import { builtinImports } from "./builtin-imports.ts";

const leastNode = 24;
/** Before anything that an older one does not have. In one line, which the source maps know of. */
const nodeGuard = [
  `if (Number.parseInt(process.versions.node, 10) < ${leastNode}) {`,
  `process.stderr.write("error: luksmith needs Node ${leastNode} or later, and this is " + process.versions.node`,
  `+ "\\nhint: " + process.execPath + " is what has started it\\n");`,
  "process.exit(1); }",
].join(" ");

export const bundling: BuildOptions = {
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  target: `node${leastNode}`,
  banner: { js: nodeGuard },
  // carries a native library, which it finds beside itself
  external: ["koffi"],
  plugins: [builtinImports],
  sourcemap: "linked",
  logLevel: "warning",
};
