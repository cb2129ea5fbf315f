/** By what strangers are counted. Pure. */

import { isIPv6 } from "node:net";

const groups = 8;
const networkGroups = 4;

/** An IPv4 address; of an IPv6 address its /64, all of which one customer has. @param address as Node writes it */
export function sourceOf(address: string): string {
  const plain = (address.split("%")[0] ?? "").replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "");
  if (!isIPv6(plain)) return plain;
  const [head = "", tail] = plain.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, groups - before.length - after.length);
  const all = [...before, ...Array.from({ length: zeros }, () => "0"), ...after];
  return `${all.slice(0, networkGroups).join(":")}::/64`;
}
