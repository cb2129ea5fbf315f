import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isTableIntact } from "../../../helper/export/firewall-listing.ts";
import { renderAdmission, renderDismissal, renderRenewal, renderTable } from "../../../helper/export/firewall-rules.ts";

const ports = { first: 10_810, last: 10_829 };

describe("firewall rules", () => {
  it("close the ports to all who are in no set", () => {
    assert.equal(
      renderTable(ports, [10_700], 20),
      `add table inet luksmith_helper
delete table inet luksmith_helper
add table inet luksmith_helper
add set inet luksmith_helper ports { type inet_service; flags interval; }
add set inet luksmith_helper clients4 { type ipv4_addr . inet_service; flags timeout; }
add set inet luksmith_helper clients6 { type ipv6_addr . inet_service; flags timeout; }
add set inet luksmith_helper taken { type inet_service; flags timeout; }
add chain inet luksmith_helper input { type filter hook input priority -5; policy accept; }
add element inet luksmith_helper ports { 10810-10829 }
add element inet luksmith_helper taken { 10700 timeout 20s }
add rule inet luksmith_helper input tcp dport @ports ip saddr . tcp dport @clients4 accept
add rule inet luksmith_helper input tcp dport @ports ip6 saddr . tcp dport @clients6 accept
add rule inet luksmith_helper input tcp dport @ports drop
add rule inet luksmith_helper input tcp dport @taken drop
`,
    );
  });

  const admission = { address: "192.0.2.7", port: 10_811 };

  it("take a port and let a client in, both or neither", () => {
    assert.equal(
      renderAdmission(admission, 15),
      `create element inet luksmith_helper taken { 10811 timeout 17s }
add element inet luksmith_helper clients4 { 192.0.2.7 . 10811 timeout 15s }
`,
    );
  });

  it("renew what is there, and fail where it is not any more", () => {
    assert.equal(
      renderRenewal(admission, 15),
      `delete element inet luksmith_helper taken { 10811 }
add element inet luksmith_helper taken { 10811 timeout 17s }
delete element inet luksmith_helper clients4 { 192.0.2.7 . 10811 }
add element inet luksmith_helper clients4 { 192.0.2.7 . 10811 timeout 15s }
`,
    );
  });

  it("shut the door whether it is open or not, and for IPv6 in the set of its own", () => {
    assert.equal(
      renderDismissal({ address: "2001:db8::7", port: 10_811 }),
      `add element inet luksmith_helper clients6 { 2001:db8::7 . 10811 timeout 1s }
delete element inet luksmith_helper clients6 { 2001:db8::7 . 10811 }
add element inet luksmith_helper taken { 10811 timeout 1s }
delete element inet luksmith_helper taken { 10811 }
`,
    );
  });

  for (const address of [
    "",
    "vault",
    "192.0.2.7 }",
    "192.0.2.0/24",
    "0.0.0.0-255.255.255.255",
    "fe80::1%eth0",
    "::1\n",
  ]) {
    it(`refuse ${JSON.stringify(address)} for an address`, () => {
      assert.throws(() => renderAdmission({ address, port: 10_811 }, 15), { code: "internal" });
    });
  }

  it("refuse a port or a time that is none", () => {
    assert.throws(() => renderAdmission({ ...admission, port: 0 }, 15), { code: "internal" });
    assert.throws(() => renderAdmission({ ...admission, port: 1.5 }, 15), { code: "internal" });
    assert.throws(() => renderAdmission(admission, 0), { code: "internal" });
  });
});

/** As nft 1.0.6 has listed it, with one client. */
function listing(): { nftables: Record<string, Record<string, unknown>>[] } {
  const dport = { payload: { protocol: "tcp", field: "dport" } };
  const guarded = { match: { op: "==", left: dport, right: "@ports" } };
  const from = (protocol: string, right: string) => ({
    match: { op: "==", left: { concat: [{ payload: { protocol, field: "saddr" } }, dport] }, right },
  });
  const inTable = { family: "inet", table: "luksmith_helper" };
  const set = (name: string, type: unknown, flag: string, handle: number, elem?: unknown[]) => ({
    set: { family: "inet", name, table: "luksmith_helper", type, handle, flags: [flag], ...(elem ? { elem } : {}) },
  });
  const rule = (handle: number, ...expr: unknown[]) => ({ rule: { ...inTable, chain: "input", handle, expr } });
  const client = { elem: { val: { concat: ["192.0.2.7", 10_810] }, timeout: 15, expires: 14 } };
  return {
    nftables: [
      { metainfo: { version: "1.0.6", release_name: "Lester Gooch #5", json_schema_version: 1 } },
      { table: { family: "inet", name: "luksmith_helper", handle: 1 } },
      set("ports", "inet_service", "interval", 1, [{ range: [10_810, 10_829] }]),
      set("clients4", ["ipv4_addr", "inet_service"], "timeout", 2, [client]),
      set("clients6", ["ipv6_addr", "inet_service"], "timeout", 3),
      set("taken", "inet_service", "timeout", 4, [{ elem: { val: 10_810, timeout: 15, expires: 14 } }]),
      {
        chain: { ...inTable, name: "input", handle: 5, type: "filter", hook: "input", prio: -5, policy: "accept" },
      },
      rule(6, guarded, from("ip", "@clients4"), { accept: null }),
      rule(7, guarded, from("ip6", "@clients6"), { accept: null }),
      rule(8, guarded, { drop: null }),
      rule(9, { match: { op: "==", left: dport, right: "@taken" } }, { drop: null }),
    ],
  };
}

describe("the table as nft lists it", () => {
  it("is intact, whoever is in", () => {
    assert.equal(isTableIntact(JSON.stringify(listing()), ports), true);
  });

  it("is intact as nft 1.1.4 lists it, with a flag that is no list", () => {
    const table = listing();
    for (const { set } of table.nftables) {
      if (set !== undefined) Object.assign(set, { flags: (set.flags as string[])[0] });
    }
    assert.equal(isTableIntact(JSON.stringify(table), ports), true);
  });

  const edits: [string, (table: ReturnType<typeof listing>) => void][] = [
    ["a rule is gone", ({ nftables }) => nftables.pop()],
    ["a rule was added", ({ nftables }) => nftables.push({ rule: { family: "inet", expr: [{ accept: null }] } })],
    ["two rules have changed places", ({ nftables }) => nftables.push(...nftables.splice(-2).toReversed())],
    [
      "a rule counts, and accepts",
      ({ nftables }) => Object.assign(nftables.at(-1)?.rule ?? {}, { expr: [{ accept: null }] }),
    ],
    ["the chain is nowhere", ({ nftables }) => delete nftables[6]?.chain?.hook],
    ["the chain comes later", ({ nftables }) => Object.assign(nftables[6]?.chain ?? {}, { prio: 10 })],
    [
      "the ports are others",
      ({ nftables }) => Object.assign(nftables[2]?.set ?? {}, { elem: [{ range: [10_811, 10_829] }] }),
    ],
    ["no ports are guarded", ({ nftables }) => delete nftables[2]?.set?.elem],
    ["clients stay for ever", ({ nftables }) => Object.assign(nftables[3]?.set ?? {}, { flags: [] })],
    ["clients are of a range", ({ nftables }) => Object.assign(nftables[3]?.set ?? {}, { flags: "interval" })],
    ["what is taken is open", ({ nftables }) => nftables.splice(-1)],
    ["a chain was added", ({ nftables }) => nftables.push({ chain: { family: "inet", name: "other" } })],
    ["there is nothing", ({ nftables }) => nftables.splice(0)],
  ];
  for (const [what, edit] of edits) {
    it(`is not when ${what}`, () => {
      const table = listing();
      edit(table);
      assert.equal(isTableIntact(JSON.stringify(table), ports), false);
    });
  }

  it("is not what nobody can read", () => {
    assert.equal(isTableIntact("{}", ports), false);
    assert.equal(isTableIntact("Error: no such table", ports), false);
    assert.equal(isTableIntact("", ports), false);
  });
});
