/**
 * The table as nft lists it in JSON: is it still what {@link renderTable} made? All of it is compared but what comes and goes, so
 * that a rule, a set or a flag more or less is seen. Pure. Source: libnftables-json(5)
 */

import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import { parseJson } from "../../common/parse-json.ts";
import { chainPriority, type PortRange, tableName } from "./firewall-rules.ts";

const listingSchema = z.object({ nftables: z.array(z.record(z.string(), z.unknown())) });

/** Handles are numbers that the kernel gives; who is admitted changes all the time. */
const ignoredKeys: ReadonlySet<string> = new Set(["handle"]);
const setsThatChange: readonly string[] = ["clients4", "clients6", "taken"];

/** @param json what `nft -j list table inet luksmith_helper` printed */
export function isTableIntact(json: string, ports: PortRange): boolean {
  const parsed = listingSchema.safeParse(parseJson(json, (key, value) => (ignoredKeys.has(key) ? undefined : value)));
  if (!parsed.success) return false;
  const objects = parsed.data.nftables.filter((entry) => !("metainfo" in entry)).map(tidySet);
  return isDeepStrictEqual(objects, expectedTable(ports));
}

/** @returns undefined for what is none */

/** Without what is in it, where that changes; with its flags as a list, which nft 1.1.4 no longer makes of a single one. */
function tidySet(entry: Record<string, unknown>): Record<string, unknown> {
  const set = z.looseObject({ name: z.string() }).safeParse(entry.set);
  if (!set.success) return entry;
  const { elem, flags, ...rest } = set.data;
  const elements = setsThatChange.includes(set.data.name) ? {} : { elem };
  return { ...entry, set: { ...rest, flags: typeof flags === "string" ? [flags] : flags, ...elements } };
}

function expectedTable({ first, last }: PortRange): Record<string, unknown>[] {
  const family = "inet";
  const set = (name: string, type: unknown, flag: string) => ({
    set: { family, name, table: tableName, type, flags: [flag] },
  });
  const rule = (...expr: unknown[]) => ({ rule: { family, table: tableName, chain: "input", expr } });
  const dport = { payload: { protocol: "tcp", field: "dport" } };
  const match = (left: unknown, right: string) => ({ match: { op: "==", left, right } });
  const isGuarded = match(dport, "@ports");
  const from = (protocol: string, clients: string) =>
    match({ concat: [{ payload: { protocol, field: "saddr" } }, dport] }, clients);
  const ports = set("ports", "inet_service", "interval").set;
  return [
    { table: { family, name: tableName } },
    { set: { ...ports, elem: [first === last ? first : { range: [first, last] }] } },
    set("clients4", ["ipv4_addr", "inet_service"], "timeout"),
    set("clients6", ["ipv6_addr", "inet_service"], "timeout"),
    set("taken", "inet_service", "timeout"),
    {
      chain: {
        family,
        table: tableName,
        name: "input",
        ...{ type: "filter", hook: "input", prio: chainPriority, policy: "accept" },
      },
    },
    rule(isGuarded, from("ip", "@clients4"), { accept: null }),
    rule(isGuarded, from("ip6", "@clients6"), { accept: null }),
    rule(isGuarded, { drop: null }),
    rule(match(dport, "@taken"), { drop: null }),
  ];
}
