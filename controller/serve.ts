/** `luksmith-controller serve`: its configuration, of a file and of what was typed, and then the service. */

import { existsSync } from "node:fs";
import { LuksmithError } from "../common/errors.ts";
import { makeLog } from "../common/log.ts";
import { runService } from "../common/service.ts";
import {
  type ControllerConfig,
  controllerConfigJsonSchema,
  defaultConfigPath,
  loadControllerConfig,
  parseControllerConfig,
} from "./config/controller-config.ts";
import { startController } from "./start.ts";

export interface ServeFlags {
  /** Left out: {@link defaultConfigPath}, if it is there. */
  readonly config?: string;
  /** These stand above the file. */
  readonly stateDir?: string;
  readonly database?: string;
  readonly listen?: string;
  readonly http?: string;
  readonly checkConfig?: boolean;
  readonly configSchema?: boolean;
}

/** @returns the exit code @throws {LuksmithError} "config" when the configuration cannot be used */
export async function serve(flags: ServeFlags): Promise<number> {
  if (flags.configSchema) {
    process.stdout.write(`${JSON.stringify(controllerConfigJsonSchema(), null, 2)}\n`);
    return 0;
  }
  const config = await configOf(flags);
  if (flags.checkConfig) {
    process.stdout.write(`${flags.config ?? defaultConfigPath} is in order\n`);
    return 0;
  }
  const log = makeLog("controller", config.log.level);
  return runService(log, (up) => startController(up, config, log));
}

async function configOf({
  config: path,
  stateDir,
  database,
  listen,
  http,
  checkConfig,
}: ServeFlags): Promise<ControllerConfig> {
  const isWritten = path !== undefined || checkConfig === true || existsSync(defaultConfigPath);
  const typed = Object.entries({ stateDir, database, listen, http }).filter(([, value]) => value !== undefined);
  if (isWritten && typed.length === 0) return loadControllerConfig(path ?? defaultConfigPath);
  if (isWritten) {
    throw new LuksmithError(
      "usage",
      `there is a configuration, ${path ?? defaultConfigPath}, and ${options(typed)} beside it`,
      {
        hint: "what is to hold stands in one place: in the file, or in options",
      },
    );
  }
  // as a file of these lines
  return parseControllerConfig(JSON.stringify(Object.fromEntries(typed)), "the command line");
}

function options(typed: readonly (readonly [string, unknown])[]): string {
  return typed.map(([name]) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`).join(", ");
}
