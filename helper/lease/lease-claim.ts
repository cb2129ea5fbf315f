/** What a machine says of the lease that it wants. Pure. */

import * as z from "zod";
import { LuksmithError } from "../../common/errors.ts";

export interface LeaseClaim {
  readonly token: string;
  readonly machine: string;
  readonly run: string;
  readonly leaseMs: number;
  /** Of this machine's earlier leases, of which an interrupted export may have left one. */
  readonly ownTokens: readonly string[];
}

/** It stands in a file of 1 KiB, and on other machines' terminals. */
const shortText = z
  .string()
  .max(64)
  .regex(/^[^\p{C}\p{Zl}\p{Zp}]*$/u);

const claimSchema = z.object({
  token: z.uuid(),
  machine: shortText,
  run: shortText,
  leaseMs: z
    .int()
    .min(10_000)
    .max(24 * 3_600_000),
  ownTokens: z.array(z.uuid()).max(32),
});

/** @throws {LuksmithError} "usage" for one that cannot stand in a lease, or for none where one is needed */
export function checkClaim(claim: LeaseClaim | undefined, readOnly: boolean): LeaseClaim | undefined {
  if (claim === undefined) {
    if (readOnly) return undefined;
    throw new LuksmithError("usage", "an export that can be written to needs a lease on its image");
  }
  const parsed = claimSchema.safeParse(claim);
  if (parsed.success) return parsed.data;
  const at = parsed.error.issues.map(({ path }) => path.join(".")).join(", ");
  throw new LuksmithError("usage", `no lease can be made of this claim: ${at}`);
}
