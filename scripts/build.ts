/** Bundles each program: it starts in a third of the time that its hundreds of modules take. */

import { chmod, copyFile, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BuildOptions, build, transform } from "esbuild";
import { bundling } from "./bundling.ts";

/** A command that was started before the build may still want to read parts of itself. */
const keepDays = 7;

/** @param outdir where `luksmith.mjs`, its parts in `luksmith/`, `luksmith-agent.mjs`, `luksmith-controller.mjs`, `luksmith-helper.mjs` and its gate are put */
export async function buildPrograms(outdir = "dist"): Promise<void> {
  const release: BuildOptions = { ...bundling, outdir, minifySyntax: true, legalComments: "linked" };
  const began = Date.now();
  // in parts, read when they are needed: the help of the command line waits for no gRPC
  await build({
    ...release,
    entryPoints: { luksmith: "cli/main.ts" },
    splitting: true,
    chunkNames: "luksmith/[name]-[hash]",
  });
  // in one: an agent that runs on while its files are replaced by newer ones has read all it needs
  await build({ ...release, entryPoints: { "luksmith-agent": "agent/main.ts" } });
  await build({ ...release, entryPoints: { "luksmith-helper": "helper/main.ts" } });
  await build({ ...release, entryPoints: { "luksmith-controller": "controller/main.ts" } });
  // which the agent starts
  await build({ ...release, entryPoints: { "luksmith-warmer": "agent/warm/main.ts" } });
  // beside the helper, which installs it
  await copyFile("deploy/luksmith-helper-gate", join(outdir, "luksmith-helper-gate"));
  for (const name of ["luksmith", "luksmith-agent", "luksmith-helper", "luksmith-controller", "luksmith-warmer"]) {
    await keepAscii(join(outdir, `${name}.mjs`));
    await chmod(join(outdir, `${name}.mjs`), 0o755);
  }
  await finishParts(join(outdir, "luksmith"), began - keepDays * 86_400_000);
}

/**
 * V8 keeps the text of a program in memory, with two bytes for each character if a single one is not Latin: for a dash in a library's
 * comment an agent had 3.5 MB more. In the code itself esbuild has escaped them, but for regular expressions.
 * @throws when there is one outside of comments
 */
async function keepAscii(path: string): Promise<void> {
  const text = await readFile(path, "utf8");
  const ascii = text.replace(/[^\0-\x7f]/g, "?");
  if (ascii === text) return;
  const { code } = await transform(text, { minifyWhitespace: true, legalComments: "none" });
  if (/[^\0-\x7f]/.test(code)) throw new Error(`${path} has characters beyond ASCII in its code`);
  await writeFile(path, ascii);
}

/** For everybody to read, whatever the umask; those that no build has made for long go. */
async function finishParts(directory: string, sinceMs: number): Promise<void> {
  await chmod(directory, 0o755);
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    if ((await stat(path)).mtimeMs < sinceMs) await rm(path);
    else await chmod(path, 0o644);
  }
}

if (import.meta.main) await buildPrograms();
