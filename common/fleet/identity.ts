/** For whom a certificate of the fleet speaks: its one subject alternative name, a URI. Host names mean nothing in a fleet. */

export const identityKinds = ["machine", "operator", "controller"] as const;
export type IdentityKind = (typeof identityKinds)[number];

export interface FleetIdentity {
  readonly kind: IdentityKind;
  /** A machine's or controller's id, an operator's name. */
  readonly name: string;
}

const identityPattern = /^URI:luksmith:(machine|operator|controller):([a-z0-9][a-z0-9._-]{0,63})$/;

/** @throws {RangeError} for a name that could not be read back */
export function identityUri({ kind, name }: FleetIdentity): string {
  const uri = `luksmith:${kind}:${name}`;
  if (!identityPattern.test(`URI:${uri}`)) throw new RangeError("no certificate can carry this name");
  return uri;
}

/**
 * @param subjectAltName as Node writes it: "URI:..."; a second name beside ours makes it nobody's
 * @returns undefined for everything that {@link identityUri} did not make
 */
export function identityIn(subjectAltName: string | undefined): FleetIdentity | undefined {
  const [, kind, name] = identityPattern.exec(subjectAltName ?? "") ?? [];
  if (name === undefined) return undefined;
  return { kind: kind as IdentityKind, name };
}
