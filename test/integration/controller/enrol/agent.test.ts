import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../../../common/clock.ts";
import { waitUntil } from "../../../../common/wait-until.ts";
import { runCli } from "../../cli/cli-process.ts";
import { EnrollingFleet } from "../harness/enrolling-fleet.ts";

const mainFile = fileURLToPath(new URL("../../../../agent/main.ts", import.meta.url));
const waitMs = 30_000;
const nobody = 65534;

/** The agent with nothing to back up, which needs none of its tools. */
describe("an agent that is told to enrol", {
  skip: process.geteuid?.() === 0 ? false : "only root may tell it",
}, () => {
  let directory = "";
  let agent: ChildProcessWithoutNullStreams;
  let fleet: EnrollingFleet;
  const socket = () => join(directory, "agent.sock");

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "luksmith-agent-"));
    await chmod(directory, 0o755);
    const config = join(directory, "agent.yaml");
    const lines = [
      `socket: { path: ${socket()}, group: nogroup }`,
      `stateDir: ${join(directory, "state")}`,
      `runtimeDir: ${join(directory, "run")}`,
    ];
    await writeFile(config, lines.join("\n"), { mode: 0o600 });
    agent = spawn(process.execPath, [mainFile, "--config", config], { stdio: "pipe" });
    let log = "";
    agent.stdout.resume();
    agent.stderr.setEncoding("utf8").on("data", (text: string) => {
      log += text;
    });
    assert.ok(await waitUntil(systemClock, waitMs, () => log.includes('"msg":"ready"')), log);
    fleet = await EnrollingFleet.start();
  });
  after(async () => {
    await fleet?.[Symbol.asyncDispose]();
    agent?.kill("SIGKILL");
    if (agent !== undefined && agent.exitCode === null && agent.signalCode === null) await once(agent, "exit");
    await rm(directory, { recursive: true, force: true });
  });

  const cli = (...args: string[]) => runCli(args, { socket: socket() });
  const identityFile = () => join(directory, "state", "fleet", "identity.json");

  it("does so, once, and leaves", async () => {
    const { text } = await fleet.token({ name: "web1", uses: 1 });
    const [pin = ""] = await fleet.pins();
    const line = ["enroll", fleet.scene.address, "--token", text, "--ca", pin];
    const done = await cli(...line);
    assert.equal(done.exitCode, 0, done.stderr);
    assert.match(done.stdout, /as web1 \([0-9a-f]{20}\)/);
    const stored = await readFile(identityFile(), "utf8");
    assert.equal(stored.includes(text), false);
    const again = await cli(...line);
    assert.equal(again.exitCode, 1);
    assert.match(again.stderr, /in a fleet already.*\nhint: .*--replace/);
    const spent = await cli(...line, "--replace");
    assert.match(spent.stderr, /the token is not accepted/);
    assert.equal(await readFile(identityFile(), "utf8"), stored);
    assert.equal((await cli("leave")).exitCode, 0);
    assert.equal((await cli("leave")).exitCode, 10);
    const audit = await cli("--json", "audit");
    const lines = audit.stdout
      .trim()
      .split("\n")
      .map((each) => JSON.parse(each));
    assert.deepEqual(
      lines
        .filter(({ verb }) => verb === "enroll" || verb === "leave")
        .map(({ verb, decision }) => `${verb} ${decision}`),
      ["enroll allowed", "enroll allowed", "enroll allowed", "leave allowed", "leave allowed"],
    );
    assert.equal(audit.stdout.includes(text), false);
  });

  it("does so for root alone", async () => {
    const { text } = await fleet.token();
    const [pin = ""] = await fleet.pins();
    for (const args of [["enroll", fleet.scene.address, "--token", text, "--ca", pin], ["leave"]]) {
      const { exitCode, stderr } = await runCli(args, { socket: socket(), uid: nobody });
      assert.equal(exitCode, 1);
      assert.match(stderr, /only root may do this/);
    }
    const audit = await cli("--json", "audit", "--refused");
    assert.match(audit.stdout, /"user":"nobody".*"verb":"enroll"/);
  });
});
