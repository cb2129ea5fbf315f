/**
 * One call of gRPC's over a TLS connection of its own, by hand. A client of grpc-js for each machine takes several times what the
 * controller takes to serve it: on a host that both share it would be the simulators that are measured.
 * Source: "gRPC over HTTP2", https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */

import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from "node:http2";
import { createSecureContext } from "node:tls";
import { controllerFault, fleetChannelOptions, tlsVersion } from "../../common/fleet/channel.ts";

/** Whether it is compressed, and its length. */
const headBytes = 5;

export interface LeanCall {
  /** HOST:PORT */
  readonly address: string;
  /** /PACKAGE.SERVICE/METHOD */
  readonly path: string;
  /** PEM, all of them. */
  readonly authorities: string;
  readonly certificate: string;
  readonly key: string;
}

export interface LeanListener {
  message(bytes: Buffer): void;
  /** Once: nothing comes or goes any more. */
  ended(why: string): void;
}

export class LeanStream {
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  readonly #listener: LeanListener;
  #left: Buffer = Buffer.alloc(0);
  #why = "ended";

  constructor({ address, path, authorities, certificate, key }: LeanCall, listener: LeanListener) {
    this.#listener = listener;
    const name = fleetChannelOptions["grpc.ssl_target_name_override"];
    this.#session = connect(`https://${address}`, {
      secureContext: createSecureContext({ ca: authorities, cert: certificate, key, minVersion: tlsVersion }),
      servername: name,
      checkServerIdentity: controllerFault,
      settings: { enablePush: false },
    });
    this.#session.on("error", (error) => {
      this.#why = error.message;
    });
    this.#stream = this.#session.request({
      ...{ ":method": "POST", ":path": path, ":authority": name, ":scheme": "https" },
      ...{ "content-type": "application/grpc", te: "trailers" },
    });
    this.#stream.on("data", (chunk: Buffer) => this.#take(chunk));
    const status = (headers: IncomingHttpHeaders) => {
      if (headers["grpc-status"] !== undefined)
        this.#why = `${headers["grpc-status"]}: ${headers["grpc-message"] ?? ""}`;
    };
    this.#stream.on("trailers", status);
    // what is refused before it begins has them at once
    this.#stream.on("response", status);
    this.#stream.on("error", (error) => {
      this.#why = error.message;
    });
    // nothing more is heard, so nothing more is said
    this.#stream.on("end", () => this.#stream.close());
    this.#stream.on("close", () => {
      this.#session.destroy();
      this.#listener.ended(this.#why);
    });
  }

  send(bytes: Uint8Array): void {
    if (this.#stream.destroyed) return;
    const message = Buffer.allocUnsafe(headBytes + bytes.length);
    message.writeUInt8(0, 0);
    message.writeUInt32BE(bytes.length, 1);
    message.set(bytes, headBytes);
    this.#stream.write(message);
  }

  /** Without a Goodbye. */
  drop(): void {
    this.#session.destroy();
  }

  #take(chunk: Buffer): void {
    let bytes = this.#left.length === 0 ? chunk : Buffer.concat([this.#left, chunk]);
    while (bytes.length >= headBytes) {
      const end = headBytes + bytes.readUInt32BE(1);
      if (bytes.length < end) break;
      this.#listener.message(bytes.subarray(headBytes, end));
      bytes = bytes.subarray(end);
    }
    this.#left = bytes;
  }
}
