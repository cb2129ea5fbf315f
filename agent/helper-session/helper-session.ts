/**
 * A session with the helper on a backup host: gRPC on the standard input and output of `ssh HOST luksmith-helper serve`. What is
 * opened in it lives exactly as long as it does. Further channels of the same SSH connection carry the bytes of exports.
 */

import { mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { credentials, type ServiceError, status } from "@grpc/grpc-js";
import { fromServiceError } from "../../common/error-wire.ts";
import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import type { Child } from "../../common/exec.ts";
import { formatDuration } from "../../common/units.ts";
import { version } from "../../common/version.ts";
import { waitUntil } from "../../common/wait-until.ts";
import { HelperServiceClient, type ProbeResponse } from "../../proto/gen/luksmith/v1/helper.ts";
import type { RemoteConfig } from "../config/remote.ts";
import { sshAlias } from "../remote/ssh-config.ts";
import { writeSshConfig } from "../remote/ssh-config-file.ts";
import { connectionEnded, sshFailure } from "../remote/ssh-failure.ts";
import { explainSshFailure } from "../remote/trust.ts";
import type { Host } from "../system/host.ts";
import { OneConnection } from "../system/one-connection.ts";
import { sshOwnFailure, startSsh } from "../tools/ssh.ts";
import { callHelper, type HelperCall, type HelperRequest, type HelperResponse } from "./helper-calls.ts";
import { NoHelperError, whyNoHelper } from "./no-helper.ts";

/** Beyond ssh's own ConnectTimeout: key exchange, authentication, the start of the helper on a small host. */
const connectExtraMs = 40_000;
/** Between the end of a connection and that of its ssh. */
const exitDeadlineMs = 3000;
/** A call that only looks at something. */
const callDeadlineMs = 60_000;
/** The only connection there will ever be must not be dropped for being quiet. */
const never = 2 ** 31 - 1;

/** Files of one session, in directories that are root's alone. */
export interface SessionPlaces {
  readonly sshConfigFile: string;
  readonly sshSocket: string;
  readonly helperSocket: string;
}

export class HelperSession {
  readonly #host: Host;
  readonly #remote: RemoteConfig;
  readonly #places: SessionPlaces;
  readonly #lost = new AbortController();
  #client: HelperServiceClient | undefined;
  #socket: OneConnection | undefined;
  #ssh: Child | undefined;
  /** How ssh ended, once it has. */
  #ended: { readonly exitCode: number; readonly said: string } | undefined;
  /** Said by the helper, to the first call. */
  #helperVersion = "";

  constructor(host: Host, remote: RemoteConfig, places: SessionPlaces) {
    this.#host = host;
    this.#remote = remote;
    this.#places = places;
  }

  /** Aborted with a LuksmithError "lost" or "stalled" when the connection has ended. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Starts ssh; whether anybody answers, {@link greet} says. {@link end} must be registered before. */
  async begin(signal: AbortSignal): Promise<void> {
    const { sshConfigFile, helperSocket, sshSocket } = this.#places;
    const remote = this.#remote;
    for (const path of [helperSocket, sshSocket]) await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await rm(sshSocket, { force: true });
    await writeSshConfig(this.#host, remote, sshConfigFile);
    const socket = await OneConnection.listen(helperSocket);
    this.#socket = socket;
    const client = new HelperServiceClient(`unix:${helperSocket}`, credentials.createInsecure(), {
      "grpc.enable_retries": 0,
      "grpc.enable_http_proxy": 0,
      "grpc.client_idle_timeout_ms": never,
    });
    this.#client = client;
    client.getChannel().getConnectivityState(true);
    this.#ssh = await socket.hand(signal, (connection) => this.#startSsh(["serve"], connection, false));
    const onEnd = (exitCode: number, said: string) => {
      this.#ended = { exitCode, said };
      this.#lost.abort(connectionEnded(remote, said));
    };
    this.#ssh.finished.then(
      ({ exitCode, stderr }) => onEnd(exitCode, stderr),
      (error: unknown) => onEnd(sshOwnFailure, String(error)),
    );
  }

  /**
   * The first call, which says whether a helper answers, and what it can do.
   * @throws {LuksmithError} "unreachable" with the reason; {@link NoHelperError} when the host is there and no helper
   */
  async greet(signal: AbortSignal, triesStorage = false): Promise<ProbeResponse> {
    const deadlineMs = this.#remote.connectTimeoutMs + connectExtraMs;
    try {
      const answer = await this.call("probe", { version, triesStorage }, signal, deadlineMs);
      this.#helperVersion = answer.version;
      return answer;
    } catch (error) {
      signal.throwIfAborted();
      await this.#ending(signal);
      throw await this.#explain(error, signal);
    }
  }

  /** What goes over the connection ends in the same moment as its ssh, which says why. */
  async #ending(signal: AbortSignal): Promise<void> {
    await waitUntil(this.#host.clock, exitDeadlineMs, () => this.#ended !== undefined, signal);
  }

  async #explain(error: unknown, signal: AbortSignal): Promise<unknown> {
    const remote = this.#remote;
    if (this.#ended?.exitCode === sshOwnFailure) {
      return await explainSshFailure(this.#host, remote, this.#ended.said, signal);
    }
    if (this.#ended === undefined && error instanceof LuksmithError) {
      if (error.code === "stalled") return sshFailure(remote, "timed out");
      // its own words, such as that this machine makes too many sessions
      if (error.code !== "lost") return error;
    }
    return new NoHelperError(remote, whyNoHelper(this.#ended?.said ?? ""));
  }

  /**
   * @param deadlineMs for what takes longer than a look
   * @throws {LuksmithError} what the helper said; "lost" or "stalled" when it said nothing
   */
  async call<Name extends HelperCall>(
    name: Name,
    request: HelperRequest<Name>,
    signal: AbortSignal,
    deadlineMs: number = callDeadlineMs,
  ): Promise<HelperResponse<Name>> {
    signal.throwIfAborted();
    const client = this.#client;
    if (client === undefined) throw new LuksmithError("internal", "no call without a session");
    try {
      return await callHelper(client, name, request, { signal, deadline: Date.now() + deadlineMs });
    } catch (error) {
      signal.throwIfAborted();
      throw await this.#whatFailed(String(name), error as ServiceError, deadlineMs, signal);
    }
  }

  async #whatFailed(
    call: string,
    error: ServiceError,
    deadlineMs: number,
    signal: AbortSignal,
  ): Promise<LuksmithError> {
    const said = fromServiceError(error);
    if (said !== undefined) return said;
    const { name } = this.#remote;
    if (error.code === status.DEADLINE_EXCEEDED) {
      const message = `the helper on ${name} has not answered for ${formatDuration(deadlineMs)}`;
      return new LuksmithError("stalled", message, { cause: error });
    }
    if (error.code === status.UNIMPLEMENTED) {
      const message = `the helper on ${name} is of version ${this.#helperVersion}, and does not know "${call}"`;
      const hint = `bring it to ${version}, this machine's: luksmith remote setup ${name}`;
      return new LuksmithError("refused", message, { hint, cause: error });
    }
    if (error.code === status.RESOURCE_EXHAUSTED) {
      return new LuksmithError("locked", `the helper on ${name} has too much to do for this machine`, { cause: error });
    }
    await this.#ending(signal);
    if (this.#lost.signal.aborted) return asLuksmithError(this.#lost.signal.reason);
    return new LuksmithError("lost", `the connection to ${name} is lost`, { cause: error });
  }

  /**
   * A channel beside the session's, on the same connection, for the bytes of an export.
   * @param channel as the helper has named it
   * @param connection a descriptor that is at this machine's end
   */
  attach(channel: string, connection: number): Child {
    if (!/^[A-Za-z0-9-]{1,100}$/.test(channel)) {
      throw new LuksmithError("tampered", "the helper named a channel that cannot be one");
    }
    return this.#startSsh(["attach", channel], connection, true);
  }

  #startSsh(words: readonly string[], connection: number, joins: boolean): Child {
    const { sshConfigFile, sshSocket } = this.#places;
    return startSsh(this.#host.start, {
      sshConfigFile,
      alias: sshAlias(this.#remote),
      words: ["luksmith-helper", ...words],
      socket: sshSocket,
      joins,
      connection,
    });
  }

  /** A channel of it has ended of which more was wanted: with the connection, or alone, and then that is ended too. */
  async channelEnded(said: string): Promise<void> {
    await this.#ending(this.#lost.signal).catch(() => undefined);
    await this.fail(connectionEnded(this.#remote, said));
  }

  /** For a reason that those who work over it are told: {@link lost}. */
  async fail(reason: LuksmithError): Promise<void> {
    this.#lost.abort(reason);
    await this.break();
  }

  /** Ends it at once, and with it what was opened. */
  async break(): Promise<void> {
    await this.#ssh?.stop();
  }

  /** Whatever it has opened should be closed by now. Safe to call twice, and when nothing has begun. */
  async end(): Promise<void> {
    this.#client?.close();
    await this.#socket?.close();
    await this.break();
    for (const path of [this.#places.helperSocket, this.#places.sshSocket]) await rm(path, { force: true });
  }
}
