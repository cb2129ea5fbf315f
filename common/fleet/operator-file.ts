/** What an operator has: whom to believe, whom they are, and where controllers listen. One YAML file, secret as its key is. */

import { stringify } from "yaml";
import * as z from "zod";

const pemBytesMax = 64 * 2 ** 10;

/** "host:port", with brackets around an IPv6 address. */
const controllerAddressPattern = /^([A-Za-z0-9_][A-Za-z0-9_.-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\]):([1-9]\d{0,4})$/;

const pem = (label: string) =>
  z
    .string()
    .max(pemBytesMax)
    .regex(new RegExp(`^-----BEGIN ${label}-----\\n[\\s\\S]*-----END ${label}-----\\n?$`));

export const operatorFileSchema = z.strictObject({
  /** In the order in which they are to be tried. */
  addresses: z.array(z.string().regex(controllerAddressPattern)).min(1).max(32),
  /** PEM, all that are trusted. */
  authorities: pem("CERTIFICATE"),
  certificate: pem("CERTIFICATE"),
  /** PKCS #8. */
  key: pem("PRIVATE KEY"),
});

export type OperatorFile = z.infer<typeof operatorFileSchema>;

/** To be written with mode 0600. */
export function operatorFileText({ addresses, authorities, certificate, key }: OperatorFile): string {
  // line breaks are PEM's own
  const body = stringify({ addresses, authorities, certificate, key }, { lineWidth: 0 });
  return `# Of an operator of a luksmith fleet, for "luksmith fleet". Whoever can read this acts in that name.\n${body}`;
}
