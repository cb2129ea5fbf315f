import assert from "node:assert/strict";
import { test } from "node:test";
import { parseOrphanedSends } from "../../../agent/system/orphaned-sends.ts";

const header =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     ";
const line = (remotePort: number, state: string, inode: number, localPort = "8F2C") =>
  `   0: 0100630A:${localPort} 0200630A:${remotePort.toString(16).toUpperCase().padStart(4, "0")} ${state} 00000241:00000000 01:00000E1F 00000005     0        0 ${inode} 5 000000007b1fc7fe 48 4 0 1 -1`;

test("a connection that nobody has any more, and whose last bytes are not acknowledged", () => {
  const table = [
    header,
    line(22, "01", 4711), // established, in use
    line(22, "04", 0), // it
    line(22, "09", 0, "8F2D"), // and one that the host had closed first
    line(22, "04", 4712), // still in the hands of its program
    line(22, "06", 0), // TIME_WAIT: all of it has arrived
    line(2222, "04", 0), // somewhere else
    "",
  ].join("\n");
  assert.deepEqual(parseOrphanedSends(table, 22), ["0100630A:8F2C 0200630A:0016", "0100630A:8F2D 0200630A:0016"]);
  assert.deepEqual(parseOrphanedSends(table, 2222), ["0100630A:8F2C 0200630A:08AE"]);
  assert.deepEqual(parseOrphanedSends(header, 22), []);
});
