/** The agent's command line. */

import { Command } from "commander";
import { usageExit } from "../common/command-line.ts";
import { makeLog } from "../common/log.ts";
import { runService } from "../common/service.ts";
import { version } from "../common/version.ts";
import { agentConfigJsonSchema, defaultConfigPath, loadAgentConfig } from "./config/agent-config.ts";
import { startAgent } from "./start.ts";

/** @returns the exit code @throws {LuksmithError} "config" when the configuration cannot be used */
export async function agentCommand(argv: readonly string[]): Promise<number> {
  const command = new Command("luksmith-agent")
    .description("backs this machine up into encrypted images on hosts that nobody has to trust")
    .option("-c, --config <file>", "configuration", defaultConfigPath)
    .option("--check-config", "read the configuration, say every fault in it, and end")
    .option("--config-schema", "print the JSON schema of the configuration, for editors, and end")
    .version(version)
    .addHelpText(
      "after",
      `
Examples:
  luksmith-agent --check-config --config /etc/luksmith/agent.yaml
  luksmith-agent --config-schema > agent.schema.json
  systemctl start luksmith-agent`,
    )
    .exitOverride();
  try {
    command.parse(argv);
  } catch (error) {
    return usageExit(error);
  }
  const options = command.opts<{ config: string; checkConfig?: boolean; configSchema?: boolean }>();
  if (options.configSchema) {
    process.stdout.write(`${JSON.stringify(agentConfigJsonSchema(), null, 2)}\n`);
    return 0;
  }
  const config = await loadAgentConfig(options.config);
  if (options.checkConfig) {
    process.stdout.write(`${options.config} is in order\n`);
    return 0;
  }
  const log = makeLog("agent", config.log.level);
  return runService(log, (up) => startAgent(up, config, options.config, log));
}
