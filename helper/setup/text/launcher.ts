import { bundlePath, nodePath } from "../paths.ts";

/**
 * What starts the helper: with the Node that came with it, and nothing of the caller's that would change what Node does. Interpreted,
 * as the agent is: a first answer takes as long (0.6 to 1.0 s), it has 5 MB less, and no memory that can be written and run.
 */
export function launcherText(): string {
  return `#!/bin/sh
# luksmith-helper, installed by luksmith remote setup
unset NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS
exec ${nodePath} --jitless --max-semi-space-size=1 --v8-pool-size=1 ${bundlePath} "$@"
`;
}
