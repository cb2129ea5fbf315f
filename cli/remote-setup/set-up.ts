/** `luksmith remote setup`: what the agent knows of a remote, and what was asked for, carried out there by the helper itself. */

import { LuksmithError } from "../../common/errors.ts";
import { parseJson } from "../../common/parse-json.ts";
import { escapeControls } from "../../common/quote.ts";
import { type SetupReport, setupReportSchema, setupReportText } from "../../common/setup-report.ts";
import { type SetupRequestInput, setupRequestSchema } from "../../common/setup-request.ts";
import type { DescribeRemoteResponse } from "../../proto/gen/luksmith/v1/agent.ts";
import { setupReportJson } from "../json.ts";
import type { Session } from "../session.ts";
import { showRemoteCheck } from "../show/remote-check.ts";
import { AdminSsh } from "./admin-ssh.ts";
import { askFarSide, type FarSide } from "./far-side.ts";
import { findPrograms } from "./programs.ts";
import { Stage } from "./stage.ts";

export interface SetupOptions {
  /** USER@HOST; undefined for root at the remote's own host. */
  readonly admin: string | undefined;
  readonly sshOptions: readonly string[];
  readonly directory: string | undefined;
  readonly quotaBytes: number | undefined;
  readonly trustedWire: boolean;
  readonly checkpoints: string | undefined;
  readonly adoptUser: boolean;
  readonly dryRun: boolean;
  readonly remove: boolean;
  readonly purge: boolean;
}

export async function setUpRemote(session: Session, name: string, options: SetupOptions): Promise<void> {
  const remote = await session.agent.describeRemote({ remote: name });
  // what cannot be is refused before anybody is asked for a password
  setupRequest(remote, options, undefined);
  const programs = await findPrograms(process.argv[1] ?? "");
  const say = (line: string) => session.notice(line);
  const { stop } = session;
  // another host, or a name of the administrator's own, has a port and keys that their ssh knows
  const isOwnHost = options.admin === undefined || options.admin.endsWith(`@${remote.host}`);
  await using ssh = await AdminSsh.open({
    destination: options.admin ?? `root@${remote.host}`,
    port: isOwnHost ? remote.port : undefined,
    options: options.sshOptions,
    hostKeys: isOwnHost ? remote.hostKeys : [],
  });
  say(`connecting to ${ssh.destination}`);
  const far = await askFarSide(ssh, stop);
  if (far.rights === "password" && session.json) {
    throw new LuksmithError("usage", "sudo wants a password there, and nobody is asked with --json", {
      hint: "without --json, or --admin root@HOST",
    });
  }
  const request = setupRequest(remote, options, far);
  {
    await using stage = await Stage.send(ssh, far, programs, say, stop);
    const flags = [
      ...(options.remove ? ["--remove", request.machine] : []),
      ...(options.purge ? ["--purge"] : []),
      ...(options.dryRun ? ["--dry-run"] : []),
    ];
    await carryOut({
      session,
      ssh,
      far,
      stage,
      flags,
      dryRun: options.dryRun,
      json: options.remove ? "" : JSON.stringify(request),
    });
  }
  if (options.dryRun || options.remove) return;
  say("");
  await showRemoteCheck(session, name);
}

interface CarryingOut {
  readonly session: Session;
  readonly ssh: AdminSsh;
  readonly far: FarSide;
  readonly stage: Stage;
  readonly flags: readonly string[];
  readonly dryRun: boolean;
  /** The request; empty for a removal. */
  readonly json: string;
}

async function carryOut({ session, ssh, far, stage, flags, dryRun, json }: CarryingOut): Promise<void> {
  const hear = (line: string) => {
    const report = parseReport(line);
    session.result(
      () => [setupReportJson(report)],
      () => setupReportText(report, dryRun),
    );
  };
  let exitCode: number;
  if (far.rights === "password") {
    const file = json === "" ? [] : ["--request", await stage.putRequest(json, session.stop)];
    exitCode = (await ssh.runOnTerminal(stage.helperCommand([...flags, ...file], "sudo -- "))).exitCode;
  } else {
    const command = stage.helperCommand([...flags, "--json"]);
    exitCode = (await ssh.run(command, { stdin: json, onLine: hear, signal: session.stop })).exitCode;
  }
  if (exitCode === 0) return;
  throw new LuksmithError("tool_failed", `setting up ${ssh.destination} has failed (exit code ${exitCode})`, {
    hint: "what was wrong stands above; when it is mended, the same command goes on where this one has stopped",
  });
}

/** @throws {LuksmithError} "tool_failed" for what a helper does not say */
function parseReport(line: string): SetupReport {
  const parsed = setupReportSchema.safeParse(parseJson(line));
  if (parsed.success) return parsed.data;
  throw new LuksmithError("tool_failed", `the backup host says ${escapeControls(line.slice(0, 200))}`);
}

/** @param far undefined as long as it is not known @throws {LuksmithError} "usage", "config" */
function setupRequest(
  remote: DescribeRemoteResponse,
  options: SetupOptions,
  far: FarSide | undefined,
): SetupRequestInput {
  const { directory, quotaBytes, checkpoints, adoptUser } = options;
  const request: SetupRequestInput = {
    machine: remote.user,
    path: remote.path,
    publicKey: remote.publicKey,
    ...(directory === undefined ? {} : { directory }),
    ...(quotaBytes === undefined ? {} : { quotaBytes }),
    ...(checkpoints === undefined ? {} : { checkpoints }),
    ...(adoptUser ? { adoptUser } : {}),
    ...(options.trustedWire && far !== undefined ? { direct: wireOf(far) } : {}),
  };
  const parsed = setupRequestSchema.safeParse(request);
  if (parsed.success) return request;
  const faults = parsed.error.issues.map(
    ({ path, message }) => `${names[String(path[0])] ?? path.join(".")} ${message}`,
  );
  throw new LuksmithError("usage", escapeControls(faults.join("; ")), {
    hint: `remotes.${remote.remote} in the agent's configuration, and luksmith remote setup --help`,
  });
}

/** What the person who reads it has written these as. */
const names: Readonly<Record<string, string>> = {
  machine: "the remote's user",
  path: "the remote's path",
  publicKey: "the remote's public key",
  directory: "--directory",
  checkpoints: "--checkpoints",
  quotaBytes: "--quota",
};

function wireOf({ clientAddress, serverAddress }: FarSide): { from: string; to: string } {
  if (clientAddress !== undefined && serverAddress !== undefined) return { from: clientAddress, to: serverAddress };
  throw new LuksmithError("refused", "sshd there does not say between which addresses this connection is", {
    hint: "without --trusted-wire; then by hand: direct and trustedWire, in /etc/luksmith/helper.yaml there",
  });
}
