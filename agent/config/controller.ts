/** What the controller of the fleet may ask of this machine. It counts once the machine is enrolled. */

import * as z from "zod";
import { addressSchema } from "../../common/fleet/address.ts";
import { type AllowedWord, allowedByDefault, allowedWordNames } from "../fleet/allowed-word.ts";
import { uniqueList } from "./unique-list.ts";

export interface ControllerConfig {
  readonly allow: readonly AllowedWord[];
  /** In the place of those that the controller tells of; none: those. */
  readonly addresses: readonly string[];
}

export const controllerFileSchema = z.strictObject({
  allow: uniqueList(z.enum(allowedWordNames))
    .default([...allowedByDefault])
    .describe("What the controller may ask of this machine; all else is refused"),
  addresses: uniqueList(addressSchema)
    .default([])
    .describe('Where to find it, as "host:port", in the place of what it says itself'),
});
