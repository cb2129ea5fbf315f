import { bundlePath, nodePath } from "../paths.ts";

/** What starts the helper: with the Node that came with it, and nothing of the caller's that would change what Node does. */
export function launcherText(): string {
  return `#!/bin/sh
# luksmith-helper, installed by luksmith remote setup
unset NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS
exec ${nodePath} --max-semi-space-size=1 --v8-pool-size=1 ${bundlePath} "$@"
`;
}
