/**
 * Where root's files are written: a mount of the target directory in a place that is closed to others, in which the kernel follows no
 * symbolic link. Whoever owns a directory that is restored can exchange it for a link while rsync works; what is written by that path then
 * fails, instead of landing where the link leads. Users' restores need none of it, since they write with their own rights.
 */

import { randomBytes } from "node:crypto";
import { mkdir, rmdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { LuksmithError } from "../../common/errors.ts";
import type { Exec } from "../../common/exec.ts";
import { UndoStack } from "../../common/undo.ts";
import type { Host } from "../system/host.ts";
import { mountedAt, mountOf, readMounts } from "../system/mountinfo.ts";
import { walkPath } from "../system/path-walk.ts";
import { bindMount, bindTree, remountFlags, unmount } from "../tools/mount.ts";

const unmountDeadlineMs = 60_000;
/** Those of a mount that are lost when they are not named again. Source: mount(8), "remount,bind" */
const keptFlags = new Set(["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime", "strictatime"]);

function targetsDirectory(runtimeDir: string): string {
  return join(runtimeDir, "targets");
}

/**
 * @param into absolute; it need not be there
 * @param paths below it, of what is going to be written
 * @param work gets the path by which it is to be written to
 * @throws {LuksmithError} "usage" when a link on the way is not root's; "tool_failed" when the directory was exchanged just now
 */
export async function withGuardedTarget<T>(
  host: Host,
  { into, paths }: { into: string; paths: readonly Buffer[] },
  signal: AbortSignal,
  work: (guarded: string) => Promise<T>,
): Promise<T> {
  const { exec } = host;
  const { real, missing, openLink } = await walkPath(exec, into, signal);
  if (openLink !== undefined) {
    throw new LuksmithError("usage", `the link ${openLink} can be changed by others than root`, {
      hint: `name the directory that you mean: ${join(real, ...missing)}`,
    });
  }
  if (missing.includes("..")) throw new LuksmithError("usage", `${into} leads through what is not there`);
  const places = targetsDirectory(host.runtimeDir);
  const guarded = join(places, randomBytes(8).toString("hex"));
  await using undo = new UndoStack();
  undo.add("let go of the target directory", () => releaseTarget(exec, guarded));
  await mkdir(places, { recursive: true, mode: 0o700 });
  await mkdir(guarded, { mode: 0o700 });
  await mountAt(exec, real, guarded, host.runtimeDir, signal);
  await followNoLinks(exec, guarded, paths, signal);
  await requireSame(real, guarded);
  return await work(join(guarded, ...missing));
}

/** What a killed agent left. */
export async function releaseTargets({ exec, runtimeDir }: Pick<Host, "exec" | "runtimeDir">): Promise<void> {
  const places = `${targetsDirectory(runtimeDir)}/`;
  const names = (await readMounts()).flatMap(({ mountPoint }) =>
    mountPoint.startsWith(places) ? (mountPoint.slice(places.length).split("/")[0] ?? []) : [],
  );
  for (const name of new Set(names)) await releaseTarget(exec, join(places, name));
}

async function mountAt(
  exec: Exec,
  real: string,
  guarded: string,
  runtimeDir: string,
  signal: AbortSignal,
): Promise<void> {
  const above = real === "/" ? "/" : `${real}/`;
  const hasMounts = (await readMounts()).some(({ mountPoint }) => mountPoint !== real && mountPoint.startsWith(above));
  if (hasMounts) await bindTree(exec, real, guarded, signal);
  else await bindMount(exec, real, guarded, signal);
  const ours = join(guarded, relative(real, runtimeDir));
  for (const { mountPoint } of (await mountsIn(guarded)).toReversed()) {
    // nobody restores into what luksmith has attached, which must not be kept busy
    if (mountPoint === ours || mountPoint.startsWith(`${ours}/`))
      await unmount(exec, mountPoint, unmountDeadlineMs, "lazy");
  }
}

async function followNoLinks(
  exec: Exec,
  guarded: string,
  paths: readonly Buffer[],
  signal: AbortSignal,
): Promise<void> {
  for (const { mountPoint, options, type } of await mountsIn(guarded)) {
    // to name one would mount what it stands for; that is then not there
    if (type === "autofs" || !isConcerned(mountPoint.slice(guarded.length + 1), paths)) continue;
    const kept = [...options].filter((flag) => keptFlags.has(flag));
    await remountFlags(exec, mountPoint, [...kept, "nosymfollow"], signal);
  }
}

/** Pure. Whether something is written to what is mounted there. @param mounted relative, empty for the target itself */
export function isConcerned(mounted: string, paths: readonly Buffer[]): boolean {
  if (mounted === "") return true;
  const at = Buffer.from(mounted).toString("latin1");
  return paths.some((path) => {
    const name = path.toString("latin1");
    return name === "" || name === at || name.startsWith(`${at}/`) || at.startsWith(`${name}/`);
  });
}

/** mount(8) has gone by the path once more. What is mounted now stays what it is. */
async function requireSame(real: string, guarded: string): Promise<void> {
  const [meant, found] = await Promise.all([mountOf(real), mountedAt(guarded)]);
  const root = meant && join(meant.root, relative(meant.mountPoint, real));
  if (meant !== undefined && found?.device === meant.device && found.root === root && found.options.has("nosymfollow"))
    return;
  throw new LuksmithError("tool_failed", `${real} was exchanged for something else just now: nothing was written`, {
    hint: `who can change it? ls -ld ${real}`,
  });
}

async function mountsIn(guarded: string) {
  const mounts = await readMounts();
  return mounts.filter(({ mountPoint }) => mountPoint === guarded || mountPoint.startsWith(`${guarded}/`));
}

async function releaseTarget(exec: Exec, guarded: string): Promise<void> {
  for (const { mountPoint } of (await mountsIn(guarded)).toReversed()) {
    await unmount(exec, mountPoint, unmountDeadlineMs).catch(() =>
      unmount(exec, mountPoint, unmountDeadlineMs, "lazy"),
    );
  }
  // never anything but the empty directory that it was
  await rmdir(guarded).catch(() => undefined);
}
