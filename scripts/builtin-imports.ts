/**
 * Imports of Node's own modules, made cheap for bundles. `import { writeFileSync } from "node:fs"` in an ES module makes
 * Node read every export of that module, and many of them are getters that load further modules: node:process alone
 * takes 12 ms, more than everything the help of luksmith does. Here only what is named is read.
 */

import { builtinModules } from "node:module";
import type { Plugin } from "esbuild";

/** "fs", "node:fs", "fs/promises" and "node:test"; neither "test", which is a package, nor "./fs.ts". */
const anyBuiltin = new RegExp(
  `^(?:${builtinModules.map((name) => (name.startsWith("node:") ? name : `(?:node:)?${name}`)).join("|")})$`,
);

const identifier = /^[A-Za-z_$][\w$]*$/;

export const builtinImports: Plugin = {
  name: "builtin-imports",
  setup(build) {
    build.onResolve({ filter: anyBuiltin }, ({ path, kind }) => ({
      path: path.replace(/^(?:node:)?/, "node:"),
      namespace: kind === "require-call" ? "required-builtin" : "imported-builtin",
    }));
    build.onLoad({ filter: /^/, namespace: "required-builtin" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule("${path}");`,
    }));
    build.onLoad({ filter: /^/, namespace: "imported-builtin" }, ({ path }) => ({ contents: lazyExports(path) }));
  },
};

/**
 * Imported as a whole, these are loaded when the first thing in them is asked for. commander names it for commands that
 * are programs of their own, which ours are not, and with it comes all of Node's network.
 */
const loadedWhenUsed = new Set(["node:child_process"]);

/** Marked as pure, so that esbuild leaves out what nobody imports. */
function lazyExports(path: string): string {
  const names = Object.keys(process.getBuiltinModule(path) ?? {}).filter(
    (name) => identifier.test(name) && name !== "default",
  );
  return [
    `const builtin = /* @__PURE__ */ process.getBuiltinModule("${path}");`,
    "const read = (name) => builtin[name];",
    loadedWhenUsed.has(path)
      ? `const all = /* @__PURE__ */ new Proxy({}, { get: (_, name) => process.getBuiltinModule("${path}")[name] }); export default all;`
      : "export default builtin;",
    ...names.map((name) => `const _${name} = /* @__PURE__ */ read("${name}"); export { _${name} as ${name} };`),
  ].join("\n");
}
