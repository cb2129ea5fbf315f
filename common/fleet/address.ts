/** Where a controller listens, as "host:port"; an IPv6 address is in brackets. */

import * as z from "zod";
import { hostSchema } from "../config/names.ts";

export interface Address {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

const addressPattern = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):([1-9]\d{0,4})$/i;
const largestPort = 65_535;

/** @returns undefined for what is none */
export function parseAddress(text: string): Address | undefined {
  const [, inBrackets, name, digits] = addressPattern.exec(text) ?? [];
  const host = inBrackets ?? name;
  const port = Number(digits);
  if (host === undefined || port > largestPort || !hostSchema.safeParse(host).success) return undefined;
  return { host, port };
}

export function showAddress({ host, port }: Address): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

export const addressSchema = z.string().refine((text) => parseAddress(text) !== undefined, {
  error: 'must be "host:port", such as "backup.example.net:7443"; an IPv6 address in brackets',
});
