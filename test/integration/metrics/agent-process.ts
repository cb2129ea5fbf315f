/** The agent itself, as a process, with nothing but metrics to show. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../common/clock.ts";
import { waitUntil } from "../../../common/wait-until.ts";
import { type Scraped, scrape } from "./scraped.ts";

const startMs = 60_000;

export class AgentProcess implements AsyncDisposable {
  readonly port: number;
  readonly textfile: string;
  readonly #directory: string;
  readonly #child: ReturnType<typeof spawn>;

  private constructor(directory: string, port: number) {
    this.port = port;
    this.textfile = join(directory, "luksmith.prom");
    this.#directory = directory;
    const args = [
      new URL("../../../agent/main.ts", import.meta.url).pathname,
      "--config",
      join(directory, "agent.yaml"),
    ];
    this.#child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "ignore"] });
  }

  static async start(): Promise<AgentProcess> {
    const directory = await mkdtemp(join(tmpdir(), "luksmith-agent-"));
    const port = await freePort();
    await writeFile(
      join(directory, "agent.yaml"),
      `socket: { path: ${directory}/run/agent.sock }
stateDir: ${directory}/state
runtimeDir: ${directory}/run
metrics: { listen: "127.0.0.1:${port}", textfile: ${directory}/luksmith.prom }
remotes: { vault: { host: 127.0.0.1, user: nobody, path: images } }
volumes: { home: { remote: vault, image: home.luks, size: 200M, key: { credential: none } } }
jobs: { home: { volume: home, sources: [/etc] } }
`,
      { mode: 0o600 },
    );
    const agent = new AgentProcess(directory, port);
    const isUp = await waitUntil(systemClock, startMs, () =>
      agent.scrape().then(
        () => true,
        () => false,
      ),
    );
    if (!isUp) throw new Error("the agent did not serve its metrics");
    return agent;
  }

  scrape(): Promise<Scraped> {
    return scrape(this.port);
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
