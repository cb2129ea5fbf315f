/** Where something listens. */

import * as z from "zod";
import { parseAddress } from "../fleet/address.ts";

/** `host` undefined: on every address of this machine. */
export interface ListenAddress {
  readonly host: string | undefined;
  readonly port: number;
}

/** "HOST:PORT", or ":PORT" for every address. */
export const listenAddressSchema = z
  .string()
  .transform((text, context): ListenAddress => {
    const everywhere = text.startsWith(":");
    const address = parseAddress(everywhere ? `localhost${text}` : text);
    if (address !== undefined) return everywhere ? { ...address, host: undefined } : address;
    context.addIssue({
      code: "custom",
      message: 'must be an address such as "127.0.0.1:7480" or "[::1]:7480", or ":7480" for all of this machine',
    });
    return z.NEVER;
  })
  .meta({ pattern: "^.*:[0-9]{1,5}$" });
