/** Listens on a socket as an agent does until it is killed: hold-socket.ts SOCKET. Says "ready" when it does. */

import { Server } from "@grpc/grpc-js";
import { pino } from "pino";
import { openLibc } from "../../../agent/access/libc.ts";
import { claimSocket } from "../../../agent/access/socket-claim.ts";
import { serveUnix } from "../../../agent/access/unix-server.ts";

const libc = openLibc();
const claim = await claimSocket(process.argv[2] ?? "", libc);
await serveUnix({
  claim,
  gid: undefined,
  server: new Server(),
  libc,
  log: pino({ level: "silent" }),
  onTurnedAway: () => undefined,
});
process.stdout.write("ready");
