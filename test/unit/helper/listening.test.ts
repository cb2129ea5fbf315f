import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isPortTaken, listenerOnPort, listensOnSocket } from "../../../helper/export/listening.ts";

const unix = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 18123 /run/luksmith-helper/a/socket/nbd
0000000000000000: 00000003 00000000 00000000 0001 03 18124 /run/luksmith-helper/b/socket/nbd
0000000000000000: 00000002 00000000 00010000 0001 01 18125
`;

const tcp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2A3A 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 18123 1 0000000000000000 100 0 0 10 0
   1: 0200630A:2A3B 0100630A:C350 01 00000000:00000000 00:00000000 00000000  1001        0 18124 1 0000000000000000 20 4 30 10 -1
`;

const tcp6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: B80D0120000000000000000007000000:2A3A 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000    17        0 1 1 0 100 0 0 10 0
`;

describe("who listens", () => {
  it("is seen of a Unix socket, not of one that is merely connected", () => {
    assert.equal(listensOnSocket(unix, "/run/luksmith-helper/a/socket/nbd"), true);
    assert.equal(listensOnSocket(unix, "/run/luksmith-helper/b/socket/nbd"), false);
    assert.equal(listensOnSocket(unix, "/run/luksmith-helper/c/socket/nbd"), false);
  });

  it("is seen of a port, with whose it is", () => {
    assert.equal(listenerOnPort(tcp, "127.0.0.1", 10_810), 1001);
    assert.equal(listenerOnPort(tcp, "127.0.0.2", 10_810), undefined);
    assert.equal(listenerOnPort(tcp, "10.99.0.2", 10_811), undefined, "connected, and not listening");
  });

  it("is seen of a port of an IPv6 address, however that is written", () => {
    assert.equal(listenerOnPort(tcp6, "2001:db8::7", 10_810), 17);
    assert.equal(listenerOnPort(tcp6, "2001:db8:0:0::0:7", 10_810), 17);
    assert.equal(listenerOnPort(tcp6, "2001:db8::8", 10_810), undefined);
  });

  it("on all addresses has the port of each", () => {
    const any = tcp.replace("0100007F:2A3A", "00000000:2A3A");
    const any6 = tcp6.replace("B80D0120000000000000000007000000", "0".repeat(32));
    assert.equal(isPortTaken([tcp, ""], "127.0.0.1", 10_810), true);
    assert.equal(isPortTaken([tcp, ""], "127.0.0.2", 10_810), false);
    assert.equal(isPortTaken([any, ""], "127.0.0.2", 10_810), true);
    assert.equal(isPortTaken(["", any6], "127.0.0.2", 10_810), true);
    assert.equal(isPortTaken([any, any6], "127.0.0.2", 10_811), false, "connected, and not listening");
  });
});
