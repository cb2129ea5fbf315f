/** The configuration that runs, and the places the agent writes to. */

import { constants } from "node:fs";
import { access, stat, statfs } from "node:fs/promises";
import { asLuksmithError } from "../../common/errors.ts";
import { formatBytes } from "../../common/units.ts";
import type { Finding } from "../../proto/gen/luksmith/v1/agent.ts";
import { type AgentConfig, loadAgentConfig } from "../config/agent-config.ts";
import { ok, problem, warning } from "./finding.ts";

const littleRoomBytes = 64 * 2 ** 20;

export async function examineState(config: AgentConfig, configPath: string, startedAt: Date): Promise<Finding[]> {
  return [await examineConfig(configPath, startedAt), await examineDirectory(config.stateDir)];
}

async function examineConfig(path: string, startedAt: Date): Promise<Finding> {
  try {
    await loadAgentConfig(path);
    if ((await stat(path)).mtime > startedAt) {
      return warning(
        "configuration",
        `${path} has changed since the agent started`,
        "systemctl restart luksmith-agent",
      );
    }
    return ok("configuration", path);
  } catch (error) {
    return problem("configuration", asLuksmithError(error).message, `luksmith-agent --check-config --config ${path}`);
  }
}

async function examineDirectory(path: string): Promise<Finding> {
  try {
    await access(path, constants.W_OK);
    const { bavail, bsize } = await statfs(path);
    const free = bavail * bsize;
    if (free < littleRoomBytes)
      return problem("state directory", `${path} has only ${formatBytes(free)} left`, "make room there");
    return ok("state directory", `${path}, ${formatBytes(free)} free`);
  } catch {
    return problem("state directory", `${path} cannot be written to`, "is its file system mounted read-only");
  }
}
