/** When a certificate is to be replaced. Pure. */

/** A fleet that was enrolled in one hour does not renew in one. */
const spread = 1 / 30;

/**
 * At two thirds of its life, and up to a thirtieth of it later.
 * @param chance of this certificate, from 0 to 1
 */
export function renewalTime({ notBefore, notAfter }: { notBefore: Date; notAfter: Date }, chance: number): Date {
  const life = notAfter.getTime() - notBefore.getTime();
  return new Date(notBefore.getTime() + life * (2 / 3 + spread * chance));
}
