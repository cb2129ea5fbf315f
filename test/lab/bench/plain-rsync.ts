/** rsync over SSH: copies in the clear on the host, and one of each. What encryption and snapshots cost is the distance from it. */

import { basename, join } from "node:path";
import { login, type Place, run, type Tool } from "./tool.ts";

export function plainRsync(place: Place): Tool {
  const { host, source, target } = place;
  const remote = `${login(host)}:images/rsync/`;
  const call = (...args: string[]) => run(place, "rsync", ["-a", ...args]);
  return {
    name: "rsync",
    setUp: async () => undefined,
    backup: () => call("--delete", `${source}/`, remote),
    restoreOne: (one) => call(`${remote}${one}`, target),
    restoreAll: () => call(remote, `${target}/`),
    restoredTo: target,
    oneRestoredTo: (one) => join(target, basename(one)),
    state: [join(host.imagesPath, "rsync")],
  };
}
