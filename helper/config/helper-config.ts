/** The helper's configuration: which machines there are, what each may do, and what is done with their images. */

import * as z from "zod";
import { byName, type NameRule } from "../../common/config/by-name.ts";
import { readConfig, readConfigFile } from "../../common/config/file.ts";
import { plainPathSchema } from "../../common/config/names.ts";
import { durationSchema, sizeSchema } from "../../common/config/quantity.ts";
import { type LogLevel, logLevels } from "../../common/log.ts";
import { machineNameFault, machineNamePattern } from "../../common/setup-request.ts";
import type { KeepPolicy } from "../checkpoint/thinning.ts";
import type { PortRange } from "../export/firewall-rules.ts";
import { nested, placesOf } from "./apart.ts";
import { addressSchema, type Network, networkSchema } from "./network.ts";

export interface MachineConfig {
  /** Its Unix user. */
  readonly name: string;
  readonly directory: string;
  readonly maxImageBytes: number | undefined;
  /** At a time. */
  readonly maxSessions: number;
  /** At a time, of all its sessions. */
  readonly maxExports: number;
  readonly maxCallsPerMinute: number;
  /** From where it may be served in the clear; empty for nowhere. */
  readonly trustedWires: readonly Network[];
}

export interface HelperConfig {
  readonly machines: ReadonlyMap<string, MachineConfig>;
  readonly direct: { readonly address: string; readonly ports: PortRange } | undefined;
  readonly checkpoints: CheckpointsConfig | undefined;
  readonly log: { readonly file: string; readonly level: LogLevel };
  readonly runtimeDir: string;
}

export interface CheckpointsConfig {
  readonly directory: string;
  readonly keep: KeepPolicy;
  /** Of one image, not more often than this. */
  readonly everyMs: number;
  /** So many images of a machine have any. */
  readonly maxImages: number;
}

export const defaultLogFile = "/var/log/luksmith-helper.log";
export const defaultHelperConfigPath = "/etc/luksmith/helper.yaml";

const machineNames: NameRule = { pattern: machineNamePattern, fault: machineNameFault };

const dayMs = 86_400_000;
const count = (fallback: number) => z.int().min(0).max(10_000).default(fallback);

const machineFileSchema = z.strictObject({
  directory: plainPathSchema.describe("The directory that is the machine's own, and all that it sees"),
  maxImageSize: sizeSchema({ min: 2 ** 20 })
    .optional()
    .describe("No image may be larger; left out: any size"),
  maxSessions: z.int().min(1).max(256).default(16).describe("So many connections at a time"),
  maxExports: z.int().min(1).max(64).default(8).describe("So many images at a time"),
  maxCallsPerMinute: z.int().min(10).max(100_000).default(600).describe("Of all its sessions; what is more waits"),
  trustedWire: z
    .array(networkSchema)
    .default([])
    .describe("Client addresses whose wire to here nobody else can read or alter: NBD may go over it in the clear"),
});

const directFileSchema = z.strictObject({
  address: addressSchema.describe("The address of this host that nbd-server listens on"),
  ports: z
    .string()
    .regex(/^\d{4,5}-\d{4,5}$/, 'must be a range of ports, such as "10810-10829"')
    .transform((text, context): PortRange => {
      const [first = 0, last = 0] = text.split("-").map(Number);
      if (first >= 1024 && first <= last && last <= 65_535) return { first, last };
      context.addIssue({ code: "custom", message: "must be a range of ports from 1024 to 65535" });
      return z.NEVER;
    })
    .prefault("10810-10829")
    .describe("Ports that are this helper's alone; each export that goes over TCP takes one"),
});

const checkpointsFileSchema = z.strictObject({
  directory: plainPathSchema.describe("Where they are; on the file system that the machines' directories are on"),
  keep: z
    .strictObject({ last: count(3), daily: count(7), weekly: count(4), monthly: count(6) })
    .prefault({})
    .refine((keep) => Object.values(keep).some((kept) => kept > 0), { error: "must keep something" })
    .describe(
      "Of each day, week and month the first one counts, which later ones cannot displace; of the last, they can",
    ),
  minAge: durationSchema({ min: 0, max: 3650 * dayMs })
    .prefault("7d")
    .describe("No younger one is ever removed"),
  every: durationSchema({ min: 1000, max: 365 * dayMs })
    .prefault("1h")
    .describe("How much time there is between two of one image at least"),
  maxImages: z.int().min(1).max(10_000).default(64).describe("Of so many images of one machine there are any"),
});

const helperFileSchema = z.strictObject({
  machines: byName(machineFileSchema, machineNames).describe("What each machine may do, by its Unix user"),
  direct: directFileSchema.optional().describe("Left out: no export goes over TCP"),
  checkpoints: checkpointsFileSchema.optional().describe("Left out: none are made"),
  log: z
    .strictObject({
      file: plainPathSchema.prefault(defaultLogFile),
      level: z.enum(logLevels).default("info"),
    })
    .prefault({}),
  runtimeDir: plainPathSchema.prefault("/run/luksmith-helper").describe("Sockets of what is exported now"),
});

const helperConfigSchema = helperFileSchema.superRefine(requireApartByName).transform(
  ({ machines, direct, checkpoints, ...rest }): HelperConfig => ({
    ...rest,
    machines: new Map(
      Object.entries(machines).map(([name, { maxImageSize, trustedWire, ...machine }]) => [
        name,
        { name, ...machine, maxImageBytes: maxImageSize, trustedWires: trustedWire },
      ]),
    ),
    direct,
    checkpoints:
      checkpoints === undefined
        ? undefined
        : {
            directory: checkpoints.directory,
            keep: { ...checkpoints.keep, minAgeMs: checkpoints.minAge },
            everyMs: checkpoints.every,
            maxImages: checkpoints.maxImages,
          },
  }),
);

/** Where links lead to is looked at when it is used, see {@link requireApart}. */
function requireApartByName(file: z.output<typeof helperFileSchema>, context: z.RefinementCtx): void {
  const places = placesOf({ ...file, machines: new Map(Object.entries(file.machines)) });
  for (const { name, message } of nested(places)) {
    context.addIssue({ code: "custom", path: name.split("."), message });
  }
}

/** @throws {LuksmithError} "config" with every fault on a line of its own */
export function parseHelperConfig(text: string, path: string): HelperConfig {
  return readConfig(helperConfigSchema, text, path);
}

/** @throws {LuksmithError} "config" also when the file is missing, or others than root could write it */
export async function loadHelperConfig(path: string): Promise<HelperConfig> {
  return parseHelperConfig(await readConfigFile(path), path);
}

export function helperConfigJsonSchema(): object {
  return {
    title: "luksmith helper configuration",
    ...z.toJSONSchema(helperFileSchema, { io: "input", target: "draft-7" }),
  };
}
