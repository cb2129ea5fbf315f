/** restic over SFTP, with its cache where it is by default for whoever backs up again and again. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { login, type Place, run, type Tool } from "./tool.ts";

const cache = "/run/bench-restic-cache";
const passwordFile = "/run/bench-restic.password";

export function restic(place: Place): Tool {
  const { host, source, target } = place;
  const env = {
    RESTIC_PASSWORD_FILE: passwordFile,
    RESTIC_REPOSITORY: `sftp:${login(host)}:images/restic`,
    RESTIC_CACHE_DIR: cache,
  };
  const call = (...args: string[]) => run(place, "restic", ["--quiet", ...args], { env });
  return {
    name: "restic",
    setUp: async () => {
      await writeFile(passwordFile, "bench", { mode: 0o400 });
      await call("init");
    },
    backup: () => call("backup", source),
    restoreOne: (one) => call("restore", "latest", "--target", target, "--include", join(source, one)),
    restoreAll: () => call("restore", "latest", "--target", target),
    restoredTo: join(target, source),
    oneRestoredTo: (one) => join(target, source, one),
    state: [join(host.imagesPath, "restic"), cache],
  };
}
