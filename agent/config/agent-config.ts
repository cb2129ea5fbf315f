/** The agent's configuration: the file as people write it, and what the agent makes of it. */

import { dirname, resolve } from "node:path";
import * as z from "zod";
import { byName } from "../../common/config/by-name.ts";
import { readConfig, readConfigFile } from "../../common/config/file.ts";
import { accountSchema, plainPathSchema } from "../../common/config/names.ts";
import { type LogLevel, logLevels } from "../../common/log.ts";
import { type AccessRule, accessRuleSchema } from "./access-rule.ts";
import { type ControllerConfig, controllerFileSchema } from "./controller.ts";
import { crossFaults } from "./cross-references.ts";
import { type JobConfig, jobFileSchema, toJobConfig } from "./job.ts";
import { type MetricsConfig, metricsFileSchema, toMetricsConfig } from "./metrics.ts";
import { type RemoteConfig, remoteFileSchema, toRemoteConfig } from "./remote.ts";
import { type RunsConfig, runsFileSchema, toRunsConfig } from "./runs.ts";
import { toVolumeConfig, type VolumeConfig, volumeFileSchema } from "./volume.ts";

export interface AgentConfig {
  readonly socket: {
    readonly path: string;
    /** Its members may connect; what they may do is up to `access`. */
    readonly group: string;
  };
  /** What outlives a restart: pinned headers, known hosts, runs. */
  readonly stateDir: string;
  /** What does not: mount points, control files. */
  readonly runtimeDir: string;
  readonly log: { readonly level: LogLevel };
  readonly runs: RunsConfig;
  readonly metrics: MetricsConfig;
  readonly remotes: ReadonlyMap<string, RemoteConfig>;
  readonly volumes: ReadonlyMap<string, VolumeConfig>;
  readonly jobs: ReadonlyMap<string, JobConfig>;
  readonly access: readonly AccessRule[];
  readonly controller: ControllerConfig;
}

export const defaultConfigPath = "/etc/luksmith/agent.yaml";
/** sockaddr_un.sun_path holds 108 bytes with the NUL (unix(7)). */
const socketPathBytesMax = 107;

const agentFileSchema = z
  .strictObject({
    socket: z
      .strictObject({
        path: plainPathSchema
          .refine((path) => path.length <= socketPathBytesMax, {
            error: `must not be longer than ${socketPathBytesMax} bytes`,
          })
          .prefault("/run/luksmith/agent.sock")
          .describe("Where the agent listens"),
        group: accountSchema.default("luksmith").describe("Its members may connect"),
      })
      .prefault({}),
    stateDir: plainPathSchema.prefault("/var/lib/luksmith").describe("What outlives a restart"),
    runtimeDir: plainPathSchema.prefault("/run/luksmith").describe("Mount points and other passing things"),
    log: z.strictObject({ level: z.enum(logLevels).default("info") }).prefault({}),
    runs: runsFileSchema.prefault({}).describe("What holds for every run"),
    metrics: metricsFileSchema.prefault({}).describe("How backups stand, for programs that watch this machine"),
    remotes: byName(remoteFileSchema).default({}).describe("Directories on backup hosts, by name"),
    volumes: byName(volumeFileSchema).default({}).describe("Images and what is in them, by name"),
    jobs: byName(jobFileSchema).default({}).describe("What is backed up into which volume, by name"),
    access: z
      .array(accessRuleSchema)
      .default([])
      .describe("What members of the socket's group may do; root may do all"),
    controller: controllerFileSchema
      .prefault({})
      .describe("What the controller of the fleet may ask of this machine, once it is enrolled: luksmith enroll"),
  })
  .superRefine(
    (file, context) => {
      for (const { path, message } of crossFaults(file)) {
        context.addIssue({ code: "custom", path: [...path], message });
      }
    },
    // even when there are other faults, so that all of them are seen at once
    { when: () => true },
  );

/** Relative places (the default keys) are beside the file: with /etc/luksmith/agent.yaml, /etc/luksmith/keys. */
function agentConfigSchema(configDir: string): z.ZodType<AgentConfig> {
  return agentFileSchema.transform(
    ({ runs, metrics, remotes, volumes, jobs, ...rest }): AgentConfig => ({
      ...rest,
      runs: toRunsConfig(runs),
      metrics: toMetricsConfig(metrics),
      remotes: mapValues(remotes, (name, remote) => toRemoteConfig(name, remote, configDir)),
      volumes: mapValues(volumes, (name, volume) => toVolumeConfig(name, volume, configDir)),
      jobs: mapValues(jobs, toJobConfig),
    }),
  );
}

function mapValues<From, To>(
  record: Readonly<Record<string, From>>,
  convert: (name: string, value: From) => To,
): ReadonlyMap<string, To> {
  return new Map(Object.entries(record).map(([name, value]) => [name, convert(name, value)]));
}

/** @throws {LuksmithError} "config" with every fault on a line of its own */
export function parseAgentConfig(text: string, path: string): AgentConfig {
  return readConfig(agentConfigSchema(dirname(resolve(path))), text, path);
}

/** @throws {LuksmithError} "config" also when the file is missing, or others than root could write it */
export async function loadAgentConfig(path: string): Promise<AgentConfig> {
  return parseAgentConfig(await readConfigFile(path), path);
}

/** JSON Schema (draft 7, which the editors' YAML extensions read) of the file as it is written. */
export function agentConfigJsonSchema(): object {
  return {
    title: "luksmith agent configuration",
    ...z.toJSONSchema(agentFileSchema, { io: "input", target: "draft-7" }),
  };
}
