/** Where something listens: "HOST:PORT", "[IPv6]:PORT". */

import { isIPv6 } from "node:net";
import * as z from "zod";
import { hostSchema } from "./names.ts";

/** Where to listen; `host` undefined: on every address of this machine. */
export interface ListenAddress {
  readonly host: string | undefined;
  readonly port: number;
}

const portMax = 65_535;
const addressPattern = /^(?:\[([0-9a-f:.]+)\]|([^[\]:]*)):([0-9]{1,5})$/i;

function parse(text: string): ListenAddress | undefined {
  const [, ipv6, name, digits = ""] = addressPattern.exec(text) ?? [];
  const port = Number(digits);
  if (port < 1 || port > portMax) return undefined;
  if (ipv6 !== undefined) return isIPv6(ipv6) ? { host: ipv6, port } : undefined;
  if (name === "") return { host: undefined, port };
  return hostSchema.safeParse(name).success ? { host: name, port } : undefined;
}

/** ":PORT" is every address of this machine. */
export const listenAddressSchema = z
  .string()
  .transform((text, context): ListenAddress => {
    const address = parse(text);
    if (address !== undefined) return address;
    context.addIssue({
      code: "custom",
      message: 'must be an address such as "127.0.0.1:7480" or "[::1]:7480", or ":7480" for all of this machine',
    });
    return z.NEVER;
  })
  .meta({ pattern: "^.*:[0-9]{1,5}$" });

/** As others are told, who dial it. */
export const dialledAddressSchema = z
  .string()
  .refine((text) => parse(text)?.host !== undefined, {
    error: 'must be a host and a port, such as "fleet.example.net:7443"',
  })
  .meta({ pattern: "^.+:[0-9]{1,5}$" });
