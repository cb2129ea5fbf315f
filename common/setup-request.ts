/** What the command line asks a helper to make of a backup host: JSON on the standard input of `luksmith-helper setup`. */

import * as z from "zod";
import { plainPathSchema, remotePathSchema } from "./config/names.ts";

/** As useradd(8) makes them on Debian, and narrower than what it lets pass with --badname. */
export const machineNamePattern = /^[a-z_][a-z0-9_-]{0,31}$/;
export const machineNameFault = "must be a Unix user's name: a-z, 0-9, _ and -, and not begin with a digit or -";

/** One key, without options in front and without what sshd would take for another line. */
const publicKeyPattern =
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]{40,}={0,2}( [A-Za-z0-9_.@:+-]{1,100})?$/;

const publicKeySchema = z
  .string()
  .regex(publicKeyPattern, "must be a public key as ssh-keygen writes it, such as ssh-ed25519 AAAA... name@machine")
  // with its comment or without it is the same key
  .transform((line) => line.split(" ").slice(0, 2).join(" "));

const addressSchema = z.union([z.ipv4(), z.ipv6()]);

export const setupRequestSchema = z.strictObject({
  /** Its Unix user there. */
  machine: z
    .string()
    .regex(machineNamePattern, machineNameFault)
    .refine((name) => name !== "root", "root cannot be a machine's user: remotes.NAME.user has to be one of its own"),
  /** As in the agent's configuration: where its images are, absolute or from the login directory. */
  path: remotePathSchema.prefault("."),
  /** The machine's own. Left out: `path` where that is absolute, the home of a user that is adopted, or /srv/luksmith/MACHINE. */
  directory: plainPathSchema.optional(),
  publicKey: publicKeySchema,
  /** A user of that name who is there already becomes the machine's. */
  adoptUser: z.boolean().default(false),
  quotaBytes: z.int().positive().optional(),
  /** NBD may go over TCP, from and to these addresses, which are those of the administrator's own connection. */
  direct: z.strictObject({ from: addressSchema, to: addressSchema }).optional(),
  checkpoints: plainPathSchema.optional(),
});

export type SetupRequest = z.output<typeof setupRequestSchema>;
export type SetupRequestInput = z.input<typeof setupRequestSchema>;
