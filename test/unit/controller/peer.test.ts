import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Peer, parsePeer, peerText, requireKind } from "../../../controller/listen/peer.ts";

const machine: Peer = {
  kind: "machine",
  name: "0f3a",
  serial: "4fa2",
  expiresMs: 1_800_000_000_000,
  address: "10.0.0.1",
};

describe("the mark of a connection", () => {
  it("is read as it was made", () => {
    const peers: Peer[] = [
      machine,
      { ...machine, kind: "operator", name: "alice", address: "fe80::1%eth0" },
      { ...machine, kind: "controller", address: "::ffff:10.0.0.1" },
      { kind: "stranger", address: "2001:db8::1" },
      { kind: "stranger", address: "" },
      { kind: "refused", address: "10.0.0.1", refusal: "expired" },
    ];
    for (const peer of peers) assert.deepEqual(parsePeer(peerText(peer)), peer);
  });

  it("is nothing else", () => {
    for (const text of [
      "",
      "unknown",
      "10.0.0.1:7443",
      "stranger",
      `${peerText(machine)} 7443`,
      `${peerText(machine)};operator=alice`,
      "machine=a;serial=4f;expires=1;address=\n",
      "root=a;serial=4f;expires=1;address=",
      "refused=because;address=",
    ]) {
      assert.throws(() => parsePeer(text), { code: "denied" }, text);
    }
  });

  it("is of the kind that a handler is for", () => {
    assert.equal(requireKind(peerText(machine), "machine").name, "0f3a");
    for (const text of [peerText({ ...machine, kind: "operator" }), "stranger;address=", "refused=expired;address="]) {
      assert.throws(() => requireKind(text, "machine"), { code: "denied" });
    }
  });
});
