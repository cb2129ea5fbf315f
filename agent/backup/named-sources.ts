/** Sources that a user names, where a job lets its user do that: refused before anything is touched, or as good as configured. */

import { basename, dirname, join } from "node:path";
import { absolutePathFault, tidyPath } from "../../common/config/names.ts";
import { LuksmithError } from "../../common/errors.ts";
import { type Exec, mustRead } from "../../common/exec.ts";
import { showName, utf8Name } from "../../common/file-name.ts";
import { quoteText } from "../../common/quote.ts";
import type { JobConfig } from "../config/job.ts";
import type { SourcedJob } from "./sourced-job.ts";

/** They become arguments of a program, and stand in the audit log. */
const mostNamed = 100;
const mostBytes = 64 * 2 ** 10;
/** They may lie on a file system of the user's own, which need not answer. */
const lookDeadlineMs = 30_000;

type NamingJob = Pick<JobConfig, "name" | "user" | "sourcesBelow">;

/**
 * Pure. @returns tidied, none inside another; none when none are named
 * @throws {LuksmithError} "usage"
 */
export function requireNamable(job: NamingJob, paths: readonly Uint8Array[]): string[] {
  if (paths.length === 0) return [];
  const { name, user, sourcesBelow } = job;
  if (user === undefined || sourcesBelow.length === 0) {
    throw new LuksmithError("usage", `job ${name} takes the sources that the configuration names, and no others`, {
      hint: `luksmith backup ${name}; root can let the user of a job name them: \`sourcesBelow\``,
    });
  }
  const bytes = paths.reduce((sum, path) => sum + path.length, 0);
  if (paths.length > mostNamed || bytes > mostBytes) {
    throw new LuksmithError("usage", `too many sources: at most ${mostNamed} can be named`, {
      hint: "name the directory that they are in",
    });
  }
  const named = paths.map((path) => {
    const text = utf8Name(path);
    if (text === undefined) {
      throw new LuksmithError("usage", `a source's name must be plain text: ${showName(path)}`, {
        hint: "name the directory that it is in: what is in it may be called anything",
      });
    }
    const fault = absolutePathFault(text);
    if (fault !== undefined) throw new LuksmithError("usage", `source ${quoteText(text)} ${fault}`);
    return tidyPath(text);
  });
  const outside = named.find((path) => !sourcesBelow.some((directory) => isWithin(path, directory)));
  if (outside !== undefined) throw outsideOf(job, outside);
  return [...new Set(named)].filter((path) => !named.some((other) => other !== path && isWithin(path, other)));
}

/**
 * With the user's eyes. What they may read decides, and that is the kernel's to say, whenever it is read; this is so that a typing error
 * makes no snapshot.
 * @throws {LuksmithError} "not_found" for one that is not there, "usage" for one that the user cannot read, or that is really elsewhere
 */
export async function requireReadable(
  exec: Exec,
  { as, ...job }: SourcedJob,
  named: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const look = { as, deadlineMs: lookDeadlineMs, signal };
  const readable = ["(", "-type", "d", "-readable", "-executable", "-o", "-type", "f", "-readable", "-o"];
  const others = ["-not", "-type", "d", "-not", "-type", "f", ")"];
  const print = ["-printf", "+ %p\\0", "-o", "-printf", "- %p\\0"];
  const { stdout } = await exec({
    ...look,
    file: "find",
    args: ["-P", "-files0-from", "-", "-maxdepth", "0", ...readable, ...others, ...print],
    stdin: named.map((path) => `${path}\0`).join(""),
  });
  const found = new Map(
    stdout
      .toString()
      .split("\0")
      .map((line) => [line.slice(2), line[0]]),
  );
  for (const path of named) {
    if (found.get(path) === "+") continue;
    throw found.has(path)
      ? new LuksmithError("usage", `${job.user} cannot read ${quoteText(path)}`, { hint: `ls -ld ${quoteText(path)}` })
      : new LuksmithError("not_found", `there is no ${quoteText(path)}, or ${job.user} cannot see it`, {
          hint: "is a disk not mounted, or the name mistyped",
        });
  }
  // a directory above that is a link leads away from what was allowed
  const real = async (paths: readonly string[], missing: "missing" | "existing") => {
    const args = [`--canonicalize-${missing}`, "--zero", "--", ...paths];
    const said = await mustRead(exec, { ...look, file: "realpath", args });
    return said.toString().split("\0").slice(0, -1);
  };
  const parents = await real(
    named.map((path) => dirname(path)),
    "existing",
  );
  const allowed = [...job.sourcesBelow, ...(await real(job.sourcesBelow, "missing"))];
  for (const [index, path] of named.entries()) {
    const really = join(parents[index] ?? "", basename(path));
    if (!allowed.some((directory) => isWithin(really, directory))) throw outsideOf(job, path, really);
  }
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith("/") ? directory : `${directory}/`);
}

function outsideOf({ name, user, sourcesBelow }: NamingJob, path: string, really = path): LuksmithError {
  const where = really === path ? quoteText(path) : `${quoteText(path)}, which is ${quoteText(really)},`;
  return new LuksmithError("usage", `${where} is not in what ${user} may name for job ${name}`, {
    hint: `what is below ${sourcesBelow.map(quoteText).join(" or ")} may be named`,
  });
}
