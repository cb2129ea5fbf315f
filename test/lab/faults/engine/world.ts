/** The machine, its backup host and its agent, as they are between two faults: all of it there, and all of it well. */

import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { identityFile, LabAgent, remoteLine, stateDir } from "../../harness/lab-agent.ts";
import { LastingState } from "../../harness/lasting-state.ts";
import { type Over, volumeOver } from "../../harness/over.ts";
import { assertDone } from "../../harness/scene.ts";
import { SecondHost } from "../../harness/second-host.ts";
import { type Job, jobs } from "./plan.ts";
import { sourceOf } from "./source-tree.ts";

const sources = "/srv/soak";
/** Noticed soon, and longer than a busy machine takes to answer. */
export const stallMs = 5000;

export interface AgentSettings {
  readonly attempts: number;
  /** MiB of each volume. */
  readonly sizes: Readonly<Record<Job, number>>;
}

export class World implements AsyncDisposable {
  readonly host: SecondHost;
  readonly lasting: LastingState;
  readonly #over: Over;
  readonly #stack: AsyncDisposableStack;
  #agent: LabAgent | undefined;
  #settings: AgentSettings | undefined;
  readonly #log: (text: string) => void;

  /** @param log gets what agents write into their logs */
  static async make(over: Over, log: (text: string) => void): Promise<World> {
    await using stack = new AsyncDisposableStack();
    const lasting = stack.use(await LastingState.mount(["/etc/luksmith", stateDir, sources]));
    const helper = over.helper === undefined ? {} : { helper: over.helper };
    const host = stack.use(await SecondHost.create({ identityFile, keptIn: "/out/vault", ...helper }));
    return new World(over, host, lasting, stack.move(), log);
  }

  private constructor(
    over: Over,
    host: SecondHost,
    lasting: LastingState,
    stack: AsyncDisposableStack,
    log: (text: string) => void,
  ) {
    this.#over = over;
    this.host = host;
    this.lasting = lasting;
    this.#stack = stack;
    this.#log = log;
  }

  get agent(): LabAgent {
    if (this.#agent === undefined) throw new Error("there is no agent now");
    return this.#agent;
  }

  get settings(): AgentSettings {
    if (this.#settings === undefined) throw new Error("there was no agent yet");
    return this.#settings;
  }

  image(job: Job): string {
    return join(this.host.imagesPath, `${job}.luks`);
  }

  keyFile(job: Job): string {
    return `/etc/luksmith/keys/${job}.key`;
  }

  /** The agent has these settings from now on; another one when it has others. */
  async useAgent(settings: AgentSettings): Promise<void> {
    if (this.#agent !== undefined && isDeepStrictEqual(settings, this.#settings)) return;
    if (this.#agent !== undefined) await this.stopAgent();
    this.#settings = structuredClone(settings);
    await this.startAgent();
  }

  async stopAgent(): Promise<void> {
    const exitCode = await this.agent.stop();
    this.forgetAgent();
    if (exitCode !== 0) throw new Error(`the agent ended with ${exitCode}`);
  }

  /** It was ended by somebody else. */
  forgetAgent(): void {
    this.#agent = undefined;
  }

  async startAgent(): Promise<void> {
    this.#agent = await LabAgent.start(this.#configuration(), { onLog: this.#log });
  }

  /** One that is killed so long after its start. */
  async startAgentInVain(afterMs: number): Promise<void> {
    const agent = await LabAgent.launch(this.#configuration(), { onLog: this.#log });
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    await agent.stop("SIGKILL");
  }

  async createVolumes(): Promise<void> {
    await this.agent.trust();
    for (const job of jobs) assertDone(await this.agent.create(job));
    await this.lasting.settle();
  }

  async setImageWritable(job: Job, writable: boolean): Promise<void> {
    await chmod(this.image(job), writable ? 0o600 : 0o400);
  }

  #configuration(): string {
    const { attempts, sizes } = this.settings;
    const volume = (job: Job) =>
      `  ${job}: { remote: vault, image: ${job}.luks, ${volumeOver(this.#over, sizes[job])} }`;
    return `
${remoteLine(SecondHost, `${this.#over.transport}, stallTimeout: ${stallMs}ms, connectTimeout: ${stallMs}ms`)}
runs: { attempts: ${attempts}, firstWait: 1s, longestWait: 2s }
volumes:
${jobs.map(volume).join("\n")}
jobs:
  a: { volume: a, sources: [${sourceOf("a")}] }
  # without a first snapshot, an interrupted one is gone on with in place
  b: { volume: b, sources: [${sourceOf("b")}], oneFileSystem: false }
`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent?.[Symbol.asyncDispose]();
    await this.#stack.disposeAsync();
  }
}
