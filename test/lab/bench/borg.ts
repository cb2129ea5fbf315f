/** borg over SSH, with its key in the repository and its cache where it is by default. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { login, type Place, run, type Tool } from "./tool.ts";

const cache = "/run/bench-borg";
const passwordFile = "/run/bench-borg.password";

export function borg(place: Place): Tool {
  const { host, source, target } = place;
  const repository = `${login(host)}:images/borg`;
  const env = {
    BORG_PASSCOMMAND: `cat ${passwordFile}`,
    BORG_BASE_DIR: cache,
    BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes",
  };
  let archives = 0;
  const extract = (...paths: string[]) =>
    run(place, "borg", ["extract", `${repository}::a${archives}`, ...paths], { env, cwd: target });
  return {
    name: "borg",
    setUp: async () => {
      await writeFile(passwordFile, "bench", { mode: 0o400 });
      await run(place, "borg", ["init", "--encryption=repokey", repository], { env });
    },
    backup: async () => {
      archives += 1;
      await run(place, "borg", ["create", `${repository}::a${archives}`, source], { env });
    },
    restoreOne: (one) => extract(join(source, one).slice(1)),
    restoreAll: () => extract(),
    restoredTo: join(target, source),
    oneRestoredTo: (one) => join(target, source, one),
    state: [join(host.imagesPath, "borg"), cache],
  };
}
