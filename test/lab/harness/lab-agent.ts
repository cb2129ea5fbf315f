/** The real agent and the real command line in the lab, as the bundles that are installed. */

import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { credentials, type ServiceError } from "@grpc/grpc-js";
import { systemClock } from "../../../common/clock.ts";
import { fromErrorDetail, fromServiceError } from "../../../common/error-wire.ts";
import { type Child, type Finished, makeExec, mustRun } from "../../../common/exec.ts";
import type * as Agent from "../../../proto/gen/luksmith/v1/agent.ts";
import { AgentServiceClient, VerifyLevel } from "../../../proto/gen/luksmith/v1/agent.ts";
import {
  type FileEntry,
  type Run,
  type RunEvent,
  RunState,
  type Snapshot,
} from "../../../proto/gen/luksmith/v1/types.ts";
import { fakeClock } from "../../fake-clock.ts";
import type { SecondHost } from "./second-host.ts";

const { exec, start } = makeExec();
const bundles = resolve("dist");
const startDeadlineMs = 60_000;
const startPollMs = 100;
const cliDeadlineMs = 300_000;

export const configPath = "/etc/luksmith/agent.yaml";
export const stateDir = "/var/lib/luksmith";
export const runtimeDir = "/run/luksmith";
export const identityFile = "/etc/luksmith/ssh/id_ed25519";

/** The cheap key derivation is for the emulated processor alone. */
export const cheapKdf = "kdf: { type: pbkdf2, iterations: 1000 }";

/** @param more settings of the remote, such as "stallTimeout: 5s"; without a transport among them it is sshfs */
export function remoteLine(host: Pick<SecondHost, "address" | "user">, more = ""): string {
  const settings = [`host: ${host.address}`, `user: ${host.user}`, "path: images", `identity: ${identityFile}`];
  const transport = more.includes("transport:") ? "" : "transport: sshfs";
  return `remotes: { vault: { ${[...settings, transport, more].filter(Boolean).join(", ")} } }`;
}

/** What a run did, from its first event to its last. */
export interface Followed {
  readonly run: Run;
  readonly events: readonly RunEvent[];
  /** Messages of its warnings, with the name of the file in front where there is one. */
  readonly warnings: readonly string[];
}

export interface AgentPlace {
  readonly configPath: string;
  readonly runtimeDir: string;
  /** A network namespace that it is in; default: this machine's own. */
  readonly namespace?: string;
}

const defaultPlace: AgentPlace = { configPath, runtimeDir };

interface LaunchOptions {
  readonly onLog?: (text: string) => void;
  readonly place?: AgentPlace;
  /** How far its clock is from the machine's, and from the backup host's: "-8d". Default: as it is. */
  readonly clock?: string;
}

export class LabAgent implements AsyncDisposable {
  readonly #child: Child;
  readonly #client: AgentServiceClient;
  readonly log: string[] = [];
  readonly #listeners = new Set<(text: string) => void>();

  /**
   * Writes the configuration and starts the agent; resolves when it answers.
   * @param options.onLog gets what it logs, as it comes
   * @param options.place another one for a second agent, whose configuration has to say the same
   */
  static async start(config: string, options: LaunchOptions = {}): Promise<LabAgent> {
    const agent = await LabAgent.launch(config, options);
    try {
      await agent.#answers();
    } catch (error) {
      await agent[Symbol.asyncDispose]();
      throw error;
    }
    return agent;
  }

  /** The same, and does not wait for it: for one that is not to live until then. */
  static async launch(config: string, options: LaunchOptions = {}): Promise<LabAgent> {
    const path = options.place?.configPath ?? configPath;
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await writeFile(path, config, { mode: 0o600 });
    return new LabAgent(options);
  }

  /** As after the installation: no state, no keys. */
  static async forget(): Promise<void> {
    for (const path of [stateDir, "/etc/luksmith/keys"]) await rm(path, { recursive: true, force: true });
  }

  private constructor({ onLog, place = defaultPlace, clock }: LaunchOptions) {
    const { configPath, runtimeDir, namespace } = place;
    const within = namespace === undefined ? [] : ["nsenter", `--net=/run/netns/${namespace}`, "--"];
    if (onLog !== undefined) this.#listeners.add(onLog);
    const [file = process.execPath, ...args] = [...within, process.execPath];
    this.#child = start({
      file,
      // as in the systemd unit
      args: [
        ...args,
        "--jitless",
        "--max-semi-space-size=1",
        "--v8-pool-size=1",
        join(bundles, "luksmith-agent.mjs"),
        "--config",
        configPath,
      ],
      // its children have the right one
      ...(clock === undefined ? {} : { env: fakeClock(clock) }),
      onStderr: (chunk) => {
        const text = chunk.toString();
        this.log.push(text);
        for (const listener of this.#listeners) listener(text);
        if (process.env.LUKSMITH_LAB_VERBOSE) process.stderr.write(chunk);
      },
      graceMs: 120_000,
    });
    this.#client = new AgentServiceClient(`unix:${runtimeDir}/agent.sock`, credentials.createInsecure(), {
      // left alone, it tries again only seconds after the agent has begun to listen
      "grpc.initial_reconnect_backoff_ms": startPollMs,
      "grpc.max_reconnect_backoff_ms": startPollMs,
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  status(): Promise<Agent.GetStatusResponse> {
    return this.#call((done) => this.#client.getStatus({}, done));
  }

  volumes(): Promise<Agent.ListVolumesResponse> {
    return this.#call((done) => this.#client.listVolumes({}, done));
  }

  doctor(request: Partial<Agent.DoctorRequest>): Promise<Agent.DoctorResponse> {
    return this.#call((done) => this.#client.doctor({ online: false, fix: false, ...request }, done));
  }

  runs(request: Partial<Agent.ListRunsRequest> = {}): Promise<Agent.ListRunsResponse> {
    return this.#call((done) => this.#client.listRuns({ limit: 0, job: "", volume: "", ...request }, done));
  }

  cancel(id: string): Promise<Agent.CancelRunResponse> {
    return this.#call((done) => this.#client.cancelRun({ id }, done));
  }

  /** Trusts what the host offers, as a person does who has compared the fingerprint. */
  async trust(remote = "vault", replace = false): Promise<void> {
    const scanned = await this.#call<Agent.ScanRemoteResponse>((done) => this.#client.scanRemote({ remote }, done));
    const fingerprint = scanned.offered[0]?.fingerprint ?? "";
    await this.#call((done) => this.#client.trustRemote({ remote, fingerprint, replace }, done));
  }

  checkRemote(remote: string): Promise<Agent.CheckRemoteResponse> {
    return this.#call((done) => this.#client.checkRemote({ remote }, done));
  }

  createVolume(volume: string): Promise<Agent.CreateVolumeResponse> {
    return this.#call((done) => this.#client.createVolume({ volume }, done));
  }

  async create(volume: string): Promise<Followed & { recoveryPassphrase: string }> {
    const response = await this.createVolume(volume);
    return { ...(await this.follow(response.run?.id ?? "")), recoveryPassphrase: response.recoveryPassphrase };
  }

  async adopt(volume: string, job: string, options: Partial<Agent.AdoptVolumeRequest> = {}): Promise<Followed> {
    return this.follow(await this.startAdopt(volume, job, options));
  }

  startAdopt(volume: string, job: string, options: Partial<Agent.AdoptVolumeRequest> = {}): Promise<string> {
    const request = { volume, job, root: "", passphrase: Buffer.alloc(0), dryRun: false, shownRun: "", ...options };
    return this.#start((done) => this.#client.adoptVolume(request, done));
  }

  async check(volume: string, options: Partial<Agent.CheckVolumeRequest> = {}): Promise<Followed> {
    return this.follow(await this.startCheck(volume, options));
  }

  /** This one and the following `start...`: @returns the run's id */
  startCheck(volume: string, options: Partial<Agent.CheckVolumeRequest> = {}): Promise<string> {
    const request = { volume, acceptRollback: false, repair: false, ...options };
    return this.#start((done) => this.#client.checkVolume(request, done));
  }

  async resize(volume: string, options: Partial<Agent.ResizeVolumeRequest> = {}): Promise<Followed> {
    return this.follow(await this.startResize(volume, options));
  }

  startResize(volume: string, options: Partial<Agent.ResizeVolumeRequest> = {}): Promise<string> {
    const request = { volume, dryRun: false, overcommit: false, shrink: false, ...options };
    return this.#start((done) => this.#client.resizeVolume(request, done));
  }

  async trim(volume: string, dryRun = false): Promise<Followed> {
    return this.follow(await this.#start((done) => this.#client.trimVolume({ volume, dryRun }, done)));
  }

  keys(volume: string): Promise<Agent.ListKeysResponse> {
    return this.#call((done) => this.#client.listKeys({ volume }, done));
  }

  async addKey(volume: string, newKey: string): Promise<Followed> {
    return this.follow(await this.#start((done) => this.#client.addKey({ volume, newKey: Buffer.from(newKey) }, done)));
  }

  async removeKey(volume: string, slot: number): Promise<Followed> {
    return this.follow(await this.#start((done) => this.#client.removeKey({ volume, slot }, done)));
  }

  async rotateKey(volume: string, keys?: { old: string; next: string }): Promise<Followed> {
    return this.follow(await this.startRotateKey(volume, keys));
  }

  /** Left out: the agent's own. */
  startRotateKey(volume: string, keys?: { old: string; next: string }): Promise<string> {
    const oldKey = Buffer.from(keys?.old ?? "");
    const newKey = Buffer.from(keys?.next ?? "");
    return this.#start((done) => this.#client.rotateKey({ volume, agents: keys === undefined, oldKey, newKey }, done));
  }

  async reencrypt(volume: string, options: Partial<Agent.ReencryptVolumeRequest> = {}): Promise<Followed> {
    return this.follow(await this.startReencrypt(volume, options));
  }

  startReencrypt(volume: string, options: Partial<Agent.ReencryptVolumeRequest> = {}): Promise<string> {
    const request = { volume, keep: [], dropOthers: false, dryRun: false, ...options };
    return this.#start((done) => this.#client.reencryptVolume(request, done));
  }

  startBackup(job: string, options: Partial<Agent.BackupRequest> = {}): Promise<Agent.BackupResponse> {
    return this.#call((done) =>
      this.#client.backup({ job, dryRun: false, acceptRollback: false, sources: [], ...options }, done),
    );
  }

  async backup(job: string, options: Partial<Agent.BackupRequest> = {}): Promise<Followed> {
    return this.follow((await this.startBackup(job, options)).run?.id ?? "");
  }

  async restore(job: string, target: string, options: Partial<Agent.RestoreRequest> = {}): Promise<Followed> {
    return this.follow(await this.startRestore(job, target, options));
  }

  startRestore(job: string, target: string, options: Partial<Agent.RestoreRequest> = {}): Promise<string> {
    const request = {
      job,
      target: Buffer.from(target),
      snapshot: "",
      paths: [],
      overwrite: false,
      delete: false,
      dryRun: false,
      acceptRollback: false,
      ...options,
    };
    return this.#start((done) => this.#client.restore(request, done));
  }

  async verify(job: string, options: Partial<Agent.VerifyRequest> = {}): Promise<Followed> {
    return this.follow(await this.startVerify(job, options));
  }

  startVerify(job: string, options: Partial<Agent.VerifyRequest> = {}): Promise<string> {
    const sample = { sampleBytes: 0, seed: "" };
    const request = { job, snapshot: "", acceptRollback: false, level: VerifyLevel.FULL, ...sample, ...options };
    return this.#start((done) => this.#client.verify(request, done));
  }

  scrub(job: string): Promise<Followed> {
    return this.verify(job, { level: VerifyLevel.SCRUB });
  }

  async drill(job: string, options: Partial<Agent.DrillRequest> = {}): Promise<Followed> {
    return this.follow(await this.startDrill(job, options));
  }

  startDrill(job: string, options: Partial<Agent.DrillRequest> = {}): Promise<string> {
    const sample = { path: Buffer.alloc(0), sampleBytes: 0, seed: "", scratch: Buffer.alloc(0) };
    const request = { job, snapshot: "", acceptRollback: false, ...sample, ...options };
    return this.#start((done) => this.#client.drill(request, done));
  }

  async pin(job: string, snapshot: string, note = ""): Promise<Followed> {
    return this.follow(await this.#start((done) => this.#client.pinSnapshot({ job, snapshot, note }, done)));
  }

  async unpin(job: string, snapshot: string): Promise<Followed> {
    return this.follow(await this.#start((done) => this.#client.unpinSnapshot({ job, snapshot }, done)));
  }

  async prune(job: string, options: Partial<Agent.PruneRequest> = {}): Promise<Followed> {
    return this.follow(await this.startPrune(job, options));
  }

  startPrune(job: string, options: Partial<Agent.PruneRequest>): Promise<string> {
    const request = { job, partial: false, snapshots: [], dryRun: false, ...options };
    return this.#start((done) => this.#client.prune(request, done));
  }

  async snapshots(job: string, acceptRollback = false): Promise<Snapshot[]> {
    const found: Snapshot[] = [];
    for await (const { kind } of this.#stream(this.#client.listSnapshots({ job, volume: "", acceptRollback }))) {
      if (kind?.$case === "snapshot") found.push(kind.value);
      if (kind?.$case === "event") throwIfFailed(kind.value);
    }
    return found;
  }

  async files(job: string, path: string | Buffer, recursive = false): Promise<FileEntry[]> {
    const found: FileEntry[] = [];
    const request = { job, snapshot: "", path: Buffer.from(path), recursive, acceptRollback: false };
    for await (const { kind } of this.#stream(this.#client.listFiles(request))) {
      if (kind?.$case === "entry") found.push(kind.value);
      if (kind?.$case === "event") throwIfFailed(kind.value);
    }
    return found;
  }

  /** All events of a run, to its end. @param onEvent sees each as it comes */
  async follow(id: string, onEvent?: (event: RunEvent) => void): Promise<Followed> {
    const events: RunEvent[] = [];
    let run: Run | undefined;
    for await (const { event } of this.#stream(this.#client.watchRun({ id, follow: true }))) {
      if (event === undefined) continue;
      events.push(event);
      onEvent?.(event);
      if (event.kind?.$case === "ended") run = event.kind.value.run;
    }
    if (run === undefined) throw new Error(`run ${id} was followed to no end`);
    const warnings = events.flatMap(({ kind }) =>
      kind?.$case === "warning"
        ? [[kind.value.path.toString("latin1"), kind.value.message].filter(Boolean).join(": ")]
        : [],
    );
    return { run, events, warnings };
  }

  /** Resolves when its log says so, from now on. */
  logged(words: RegExp): Promise<void> {
    return new Promise((resolve) => {
      const listener = (text: string) => {
        if (!words.test(text)) return;
        this.#listeners.delete(listener);
        resolve();
      };
      this.#listeners.add(listener);
    });
  }

  /** As far as `log --follow` gets at once. */
  async firstEvent(id: string): Promise<RunEvent | undefined> {
    const call = this.#client.watchRun({ id, follow: true });
    try {
      for await (const { event } of this.#stream(call)) return event;
      return undefined;
    } finally {
      call.on("error", () => undefined).cancel();
    }
  }

  /** @returns the exit code */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number> {
    this.#client.close();
    process.kill(this.#child.pid, signal);
    return (await this.#child.finished).exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    await this.#child.stop();
  }

  async #start(
    begin: (done: (error: ServiceError | null, response: { run: Run | undefined }) => void) => void,
  ): Promise<string> {
    return (await this.#call(begin)).run?.id ?? "";
  }

  /** Errors arrive as the LuksmithError that the agent threw. */
  #call<Response>(
    begin: (done: (error: ServiceError | null, response: Response) => void) => unknown,
  ): Promise<Response> {
    return new Promise((settle, reject) => {
      begin((error, response) => {
        if (error) reject(fromServiceError(error) ?? error);
        else settle(response);
      });
    });
  }

  async *#stream<Response>(call: AsyncIterable<Response>): AsyncGenerator<Response> {
    try {
      yield* call;
    } catch (error) {
      throw fromServiceError(error as ServiceError) ?? error;
    }
  }

  async #answers(): Promise<void> {
    let ended = false;
    this.#child.finished.finally(() => {
      ended = true;
    });
    const end = systemClock.monotonicMs() + startDeadlineMs;
    for (;;) {
      try {
        await this.status();
        return;
      } catch (error) {
        if (ended || systemClock.monotonicMs() > end)
          throw new Error(`the agent does not answer:\n${this.log.join("")}`, { cause: error });
        await systemClock.sleep(startPollMs);
      }
    }
  }
}

/** A listing tells how its run ended among its events. */
function throwIfFailed({ kind }: RunEvent): void {
  const run = kind?.$case === "ended" ? kind.value.run : undefined;
  if (run?.state === RunState.FAILED && run.error !== undefined) throw fromErrorDetail(run.error);
}

/** Types a command. @param as another user */
export async function cli(
  args: readonly string[],
  options: { as?: { uid: number; gid: number }; stdin?: string } = {},
): Promise<Finished> {
  const checkout = resolve(".");
  const seen = options.as === undefined ? checkout : await checkoutForOthers(checkout);
  const path = (file: string) => (file.startsWith(`${checkout}/`) ? join(seen, relative(checkout, file)) : file);
  return exec({
    file: path(process.execPath),
    args: [path(join(bundles, "luksmith.mjs")), ...args],
    deadlineMs: cliDeadlineMs,
    env: { TZ: "UTC" },
    ...options,
  });
}

/** Where other users find the checkout, which may lie in a directory that is closed to them, such as /root. */
export async function checkoutForOthers(checkout: string): Promise<string> {
  const place = "/srv/luksmith-checkout";
  if (existsSync(join(place, "package.json"))) return place;
  await mkdir(place, { recursive: true, mode: 0o755 });
  await mustRun(exec, { file: "mount", args: ["--bind", "--", checkout, place], deadlineMs: cliDeadlineMs });
  return place;
}
