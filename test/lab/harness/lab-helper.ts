/** The real helper in the lab, as the bundle that is installed, with a client at its standard input and output, as sshd would be. */

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdir, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join, resolve } from "node:path";
import { credentials, type ServiceError } from "@grpc/grpc-js";
import { callHelper, type HelperCall, type HelperRequest } from "../../../agent/helper-session/helper-calls.ts";
import { fromServiceError } from "../../../common/error-wire.ts";
import { fixedEnvironment } from "../../../common/exec.ts";
import { HelperServiceClient, type LeaseClaim } from "../../../proto/gen/luksmith/v1/helper.ts";
import { withDeadline } from "./deadline.ts";

const program = resolve("dist/luksmith-helper.mjs");
const endDeadlineMs = 60_000;
let sessions = 0;

export interface Caller {
  readonly configPath: string;
  /** The Unix user that sudo would name. */
  readonly user?: string;
  /** Its address, as sshd would. */
  readonly address?: string;
  /** A command that starts the helper somewhere else, as its own process: in other namespaces. */
  readonly within?: readonly string[];
  /** A directory to keep its compiled code in, which makes many starts shorter. */
  readonly compileCache?: string;
}

export class LabHelper implements AsyncDisposable {
  readonly #child: ReturnType<typeof startHelper>;
  readonly #client: HelperServiceClient;
  readonly #close: () => void;
  readonly #exited: Promise<unknown>;
  readonly #freeze: () => void;

  private constructor(
    child: ReturnType<typeof startHelper>,
    client: HelperServiceClient,
    close: () => void,
    freeze: () => void,
  ) {
    this.#freeze = freeze;
    this.#child = child;
    this.#client = client;
    this.#close = close;
    this.#exited = once(child, "exit");
  }

  static async start(caller: Caller): Promise<LabHelper> {
    sessions += 1;
    const path = join("/run", `lab-helper-${process.pid}-${sessions}.sock`);
    const child = startHelper(caller, []);
    let freeze = () => {};
    let connection: Socket | undefined;
    const listener = createServer((socket) => {
      connection = socket;
      // there is one connection: a client that has lost it would try again and again
      listener.close();
      freeze = () => {
        child.stdout.unpipe(socket).pause();
        socket.unpipe(child.stdin).pause();
      };
      child.stdout.pipe(socket);
      socket.pipe(child.stdin);
      for (const end of [socket, child.stdin, child.stdout]) end.on("error", () => undefined);
    });
    await new Promise<void>((done) => listener.listen(path, done));
    const client = new HelperServiceClient(`unix:${path}`, credentials.createInsecure(), {
      "grpc.enable_retries": 0,
      "grpc.client_idle_timeout_ms": 2 ** 31 - 1,
    });
    const close = () => {
      client.close();
      listener.close();
      // with its helper gone nobody reads the client's goodbye, and what is unread has no end
      connection?.destroy();
    };
    return new LabHelper(child, client, close, () => freeze());
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @throws {LuksmithError} what the helper said */
  call<Name extends HelperCall>(name: Name, request: HelperRequest<Name>, signal?: AbortSignal) {
    return callHelper(this.#client, name, request, { signal }).catch((error: ServiceError) => {
      throw fromServiceError(error) ?? error;
    });
  }

  /** A call that no helper knows. @returns its gRPC status */
  callUnknown(): Promise<number> {
    const asIs = (bytes: Buffer) => bytes;
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest("/luksmith.v1.HelperService/NoSuchCall", asIs, asIs, Buffer.alloc(0), (error) =>
        resolve(error?.code ?? 0),
      );
    });
  }

  /** As when the machine's ssh has gone. @returns its exit code */
  async hangUp(): Promise<number | null> {
    this.#child.stdin.destroy();
    await this.#ended();
    return this.#child.exitCode;
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended();
  }

  /** Nothing of what it says arrives any more, and nobody tells it so. Resolves when it has given up. */
  async vanish(): Promise<void> {
    this.#freeze();
    await withDeadline(this.#exited, endDeadlineMs, "the end of the helper");
    this.#close();
  }

  async #ended(): Promise<void> {
    this.#close();
    await withDeadline(this.#exited, endDeadlineMs, "the end of the helper");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.hangUp();
    else this.#close();
  }
}

/** What it says to whoever calls it with these words, and sends it this. */
export async function askHelper(
  caller: Caller,
  args: readonly string[],
  input = "",
): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  const child = startHelper(caller, args);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  await withDeadline(once(child, "close"), endDeadlineMs, "the end of the helper");
  return { exitCode: child.exitCode, stdout, stderr };
}

/** For an export that can be written to. */
export function leaseClaim(change: Partial<LeaseClaim> = {}): LeaseClaim {
  return { token: randomUUID(), machine: "web01", run: "0hw9bq1bms", leaseMs: 300_000, ownTokens: [], ...change };
}

/** What there is of exports below /run; the rest are empty files that locks are taken on. */
export async function exportDirectories(runtimeDir: string): Promise<string[]> {
  return (await readdir(runtimeDir)).filter((name) => /^\d+-/.test(name));
}

export async function forgetHelper(): Promise<void> {
  for (const path of ["/run/luksmith-helper", "/var/log/luksmith-helper.log"])
    await rm(path, { recursive: true, force: true });
}

/** @param args none for a session */
function startHelper({ configPath, user, address, within = [], compileCache }: Caller, args: readonly string[]) {
  const verb = args.length === 0 ? ["serve"] : args;
  const [file = "", ...rest] = [...within, process.execPath, program, "--config", configPath, ...verb];
  return spawn(file, rest, {
    stdio: ["pipe", "pipe", "pipe"],
    env: {
      PATH: fixedEnvironment.PATH,
      ...(compileCache === undefined ? {} : { NODE_COMPILE_CACHE: compileCache }),
      // an administrator may be root without sudo
      ...(user === undefined ? {} : { SUDO_USER: user }),
      ...(address === undefined ? {} : { SSH_CONNECTION: `${address} 50000 10.99.0.2 22` }),
    },
  });
}
