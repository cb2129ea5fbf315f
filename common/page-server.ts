/**
 * A few pages by HTTP, for programs that watch: each is made when it is asked for. Whoever can reach the port may read them, and can
 * do nothing else: what is sent is not read, and what one takes of time and memory is limited.
 */

import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { LuksmithError } from "./errors.ts";
import type { Log } from "./log.ts";

export interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** By path, such as "/metrics". */
export type Pages = Readonly<Record<string, () => Promise<Page>>>;

export interface PageServer {
  readonly port: number;
  close(): Promise<void>;
}

const mostConnections = 32;
/** Until a request is there, and until the next one. */
const requestMs = 5_000;
/** Of somebody who does not read. */
const silenceMs = 15_000;
const headerBytesMax = 8192;

/**
 * @param host undefined: every address of this machine
 * @throws {LuksmithError} "config" when it cannot listen there
 */
export async function servePages(
  { host, port }: { readonly host: string | undefined; readonly port: number },
  pages: Pages,
  log: Log,
): Promise<PageServer> {
  const shared = Object.fromEntries(Object.entries(pages).map(([path, make]) => [path, whileOthersWait(make)]));
  const server = createServer(
    {
      maxHeaderSize: headerBytesMax,
      headersTimeout: requestMs,
      requestTimeout: requestMs,
      keepAliveTimeout: requestMs,
      connectionsCheckingInterval: 1000,
    },
    (request, response) => {
      const [path = ""] = (request.url ?? "").split("?", 1);
      const isReading = request.method === "GET" || request.method === "HEAD";
      const make = Object.hasOwn(shared, path) ? shared[path] : undefined;
      if (!isReading) answer(response, plain(405, "there is nothing to be sent here\n"), true);
      else if (make === undefined) answer(response, plain(404, `there is: ${Object.keys(pages).join(", ")}\n`), false);
      else {
        make().then(
          (page) => answer(response, page, false),
          (error: unknown) => {
            log.warn({ err: error, path }, "a page could not be made");
            answer(response, plain(500, "it could not be made: see the log\n"), false);
          },
        );
      }
    },
  );
  server.maxConnections = mostConnections;
  server.setTimeout(silenceMs);
  server.listen({ host, port });
  try {
    await once(server, "listening");
  } catch (cause) {
    throw new LuksmithError("config", `cannot listen on ${host ?? "*"}:${port} for metrics`, {
      hint: "another program may have the port: ss -ltnp",
      cause,
    });
  }
  server.on("error", (error) => log.warn({ err: error }, "a connection for metrics could not be taken"));
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

export function plain(status: number, body: string): Page {
  return { status, contentType: "text/plain; charset=utf-8", body };
}

function answer(response: ServerResponse, { status, contentType, body }: Page, ends: boolean): void {
  const headers = {
    "content-type": contentType,
    "cache-control": "no-store",
    "content-length": Buffer.byteLength(body),
  };
  response.writeHead(status, ends ? { ...headers, connection: "close" } : headers);
  response.end(body);
}

/** Whoever asks while it is being made gets the same. */
function whileOthersWait(make: () => Promise<Page>): () => Promise<Page> {
  let making: Promise<Page> | undefined;
  return () => {
    making ??= make().finally(() => {
      making = undefined;
    });
    return making;
  };
}
