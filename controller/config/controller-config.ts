/** The controller's configuration: the file as people write it, and what the controller makes of it. */

import * as z from "zod";
import { readConfig, readConfigFile } from "../../common/config/file.ts";
import { type ListenAddress, listenAddressSchema } from "../../common/config/listen-address.ts";
import { plainPathSchema } from "../../common/config/names.ts";
import { durationSchema, sizeSchema } from "../../common/config/quantity.ts";
import { addressSchema } from "../../common/fleet/address.ts";
import { type LogLevel, logLevels } from "../../common/log.ts";
import type { Quota } from "../quota/quota.ts";
import { type AlertsConfig, alertsFileSchema, toAlertsConfig } from "./alerts.ts";

export interface ControllerConfig {
  /** Machines, operators and other controllers, by TLS. */
  readonly listen: ListenAddress;
  /** Metrics and health, without TLS and without a question. */
  readonly http: ListenAddress;
  /** Where other controllers of the fleet reach this one; undefined: this host by its name, with the port of `listen`. */
  readonly address: string | undefined;
  /** Where machines are told that controllers listen, as "host:port"; none: as luksmith-controller init was told. */
  readonly addresses: readonly string[];
  /** "postgres://...", or the path of an SQLite file. */
  readonly database: string;
  readonly stateDir: string;
  readonly log: { readonly level: LogLevel };
  readonly retention: {
    /** Events of runs that have ended. */
    readonly eventsMs: number;
    readonly runsMs: number;
    /** Alerts that are over. */
    readonly alertsMs: number;
    /** Of what one machine reports: the oldest goes. */
    readonly perMachine: Quota;
  };
  /** For how long a certificate counts; it is renewed at two thirds of it. */
  readonly certificates: {
    readonly machinesMs: number;
    readonly operatorsMs: number;
    readonly controllersMs: number;
  };
  readonly alerts: AlertsConfig;
  readonly metrics: {
    /** A time series for each job of each machine. */
    readonly perJob: boolean;
  };
}

export const defaultConfigPath = "/etc/luksmith/controller.yaml";

const dayMs = 86_400_000;
const keptSchema = durationSchema({ min: dayMs, max: 20 * 366 * dayMs });
const lifeSchema = durationSchema({ min: 3_600_000, max: 2 * 366 * dayMs });

const databaseSchema = z.string().superRefine((text, context) => {
  const message = databaseFault(text);
  if (message !== undefined) context.addIssue({ code: "custom", message });
});

/** What is wrong with the place of a database, if anything: of `--database` as well. */
export function databaseFault(text: string): string | undefined {
  if (/^postgres(ql)?:\/\//.test(text)) {
    if (!URL.canParse(text)) return "must be a URL, such as postgres://luksmith@db.example.net/luksmith";
    const { password, searchParams } = new URL(text);
    const hasPassword = password !== "" || searchParams.has("password");
    return hasPassword
      ? "must not have a password in it: that is read from ~/.pgpass, or the file in PGPASSFILE"
      : undefined;
  }
  return plainPathSchema.safeParse(text).success
    ? undefined
    : "must be a postgres:// URL, or the absolute path of a file";
}

const controllerFileSchema = z.strictObject({
  listen: listenAddressSchema.prefault(":7443").describe("Where machines and operators connect (TLS)"),
  http: listenAddressSchema
    .prefault("127.0.0.1:7480")
    .describe("/metrics, /healthz and /readyz; asks nobody who they are"),
  address: addressSchema
    .optional()
    .describe("Where other controllers reach this one; left out: this host by its name, with the port of listen"),
  addresses: z
    .array(addressSchema)
    .max(20)
    .default([])
    .describe(
      "Where machines are told to connect, each beginning at its own place; left out: as luksmith-controller init was told",
    ),
  database: databaseSchema
    .optional()
    .describe("postgres:// URL, or an SQLite file; left out: controller.db in stateDir"),
  stateDir: plainPathSchema.prefault("/var/lib/luksmith-controller").describe("The secret, and the SQLite file"),
  log: z.strictObject({ level: z.enum(logLevels).default("info") }).prefault({}),
  retention: z
    .strictObject({
      events: keptSchema.prefault("30d").describe("Events of runs"),
      runs: keptSchema.prefault("400d").describe("How runs ended"),
      alerts: keptSchema.prefault("90d").describe("Alerts that are over"),
      perMachine: z
        .strictObject({
          events: sizeSchema({ min: 2 ** 20, max: 2 ** 40 })
            .prefault("64M")
            .describe("Size of all events"),
          runs: z.int().min(1000).max(10_000_000).default(50_000).describe("How many runs"),
        })
        .prefault({})
        .describe("How much is kept for one machine, whatever it reports; the oldest goes"),
    })
    .prefault({})
    .describe("For how long things are kept"),
  certificates: z
    .strictObject({
      machines: lifeSchema.prefault("30d"),
      operators: lifeSchema.prefault("30d"),
      controllers: lifeSchema.prefault("30d"),
    })
    .prefault({})
    .describe("For how long a certificate counts; renewed at two thirds of it"),
  alerts: alertsFileSchema.prefault({}).describe("Who is told when something is missing"),
  metrics: z
    .strictObject({
      perJob: z.boolean().default(true).describe("A time series for each job of each machine"),
    })
    .prefault({}),
});

const controllerConfigSchema: z.ZodType<ControllerConfig> = controllerFileSchema.transform(
  ({ address, database, retention, certificates, alerts, ...rest }): ControllerConfig => ({
    ...rest,
    address,
    database: database ?? `${rest.stateDir}/controller.db`,
    retention: {
      eventsMs: retention.events,
      runsMs: retention.runs,
      alertsMs: retention.alerts,
      perMachine: { eventBytes: retention.perMachine.events, runs: retention.perMachine.runs },
    },
    certificates: {
      machinesMs: certificates.machines,
      operatorsMs: certificates.operators,
      controllersMs: certificates.controllers,
    },
    alerts: toAlertsConfig(alerts),
  }),
);

/** @throws {LuksmithError} "config" with every fault on a line of its own */
export function parseControllerConfig(text: string, path: string): ControllerConfig {
  return readConfig(controllerConfigSchema, text, path);
}

/** @throws {LuksmithError} "config" also when the file is missing, or others than root could write it */
export async function loadControllerConfig(path: string): Promise<ControllerConfig> {
  return parseControllerConfig(await readConfigFile(path), path);
}

/** JSON Schema (draft 7, which the editors' YAML extensions read) of the file as it is written. */
export function controllerConfigJsonSchema(): object {
  return {
    title: "luksmith controller configuration",
    ...z.toJSONSchema(controllerFileSchema, { io: "input", target: "draft-7" }),
  };
}
