/** Where the lab keeps what it fetched from Debian and what makes the next run faster. May be deleted at any time. */

import { join } from "node:path";

/** $LUKSMITH_LAB_CACHE, or root's /var/cache (hier(7)), or the user's own cache (XDG Base Directory Specification). */
export function labCacheDirectory(env: NodeJS.ProcessEnv, uid: number): string {
  if (env.LUKSMITH_LAB_CACHE) return env.LUKSMITH_LAB_CACHE;
  if (uid === 0) return "/var/cache/luksmith-lab";
  return join(env.XDG_CACHE_HOME || join(env.HOME ?? "/var/tmp", ".cache"), "luksmith-lab");
}
