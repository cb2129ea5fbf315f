/** A remote: a directory on a backup host, reached by SSH. */

import * as z from "zod";
import { hostSchema, plainPathSchema, remotePathSchema, remoteUserSchema } from "../../common/config/names.ts";
import { durationSchema } from "../../common/config/quantity.ts";
import { longestStallMs } from "../tools/deadlines.ts";

export interface RemoteConfig {
  readonly name: string;
  /** A host name or an IP address; an IPv6 address has no brackets. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** The directory that holds the images; absolute, or from the login directory ("." is that itself). */
  readonly path: string;
  /** Absolute path of the private key. */
  readonly identity: string;
  readonly transport: "auto" | "sshfs" | "nbd";
  /** Nobody else can read or alter what goes over the wire to there: NBD may go over it in the clear. */
  readonly trustedWire: boolean;
  readonly connectTimeoutMs: number;
  /** What is asked of the host has to show some answer within this. */
  readonly stallTimeoutMs: number;
  /** How long a lease holds that is not renewed. */
  readonly leaseMs: number;
}

export const remoteFileSchema = z.strictObject({
  host: hostSchema.describe("Host name or IP address of the backup host"),
  port: z.int().min(1).max(65_535).default(22).describe("SSH port"),
  user: remoteUserSchema.describe("User on the backup host"),
  path: remotePathSchema.prefault(".").describe("Directory of the images, absolute or from the login directory"),
  identity: plainPathSchema.optional().describe("Private key file; left out: ssh/id_ed25519 beside this file"),
  transport: z
    .enum(["auto", "sshfs", "nbd"])
    .default("auto")
    .describe("How the image is reached: nbd needs luksmith-helper on the backup host, auto takes it where it answers"),
  trustedWire: z
    .boolean()
    .default(false)
    .describe(
      "Nobody else can read or alter what goes over the wire: with nbd, bytes go over TCP instead of through SSH",
    ),
  connectTimeout: durationSchema({ min: 1000, max: 600_000 })
    .prefault("20s")
    .describe("How long to wait for the backup host to answer"),
  stallTimeout: durationSchema({ min: 2000, max: longestStallMs })
    .prefault("60s")
    .describe("How long a connected backup host may owe an answer before the connection is given up"),
  leaseTime: durationSchema({ min: 10_000, max: 86_400_000 })
    .prefault("5m")
    .describe("How long an image stays reserved for a machine that has vanished while it used it"),
});

export function toRemoteConfig(
  name: string,
  { connectTimeout, stallTimeout, leaseTime, identity, ...rest }: z.output<typeof remoteFileSchema>,
  configDir: string,
): RemoteConfig {
  return {
    name,
    ...rest,
    identity: identity ?? `${configDir}/ssh/id_ed25519`,
    connectTimeoutMs: connectTimeout,
    stallTimeoutMs: stallTimeout,
    leaseMs: leaseTime,
  };
}
