/** What belongs to somebody else: runs, jobs, volumes, rights. Whether it is there is not told, and claiming to be somebody else helps nobody. */

import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { describe, it } from "node:test";
import { AgentServiceService } from "../../../proto/gen/luksmith/v1/agent.ts";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { cheapKdf, cli } from "../harness/lab-agent.ts";
import { assertDone, Scene } from "../harness/scene.ts";
import { type Answer, as, ask, bytes, type Call, makePeople, people, privateSource, source } from "./people.ts";

/** That say, in each way that a header can, that root calls. */
const forged = {
  uid: "0",
  gid: "0",
  pid: "1",
  user: "root",
  peer: "uid=0;gid=0;pid=1",
  remoteaddress: "uid=0;gid=0;pid=1",
  authorization: "Bearer root",
  forwarded: 'for="uid=0;gid=0;pid=1"',
  "x-forwarded-for": "uid=0;gid=0;pid=1",
  "x-real-ip": "uid=0;gid=0;pid=1",
};

const path = bytes("/srv");
/** Every request that is about a job, a volume or a remote, and what alice may not ask the agent as a whole. */
function requests(job: string, volume: string, remote: string): Call[] {
  const key = bytes("a key of alice's own");
  const digest = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
  return [
    { method: "backup", request: { job } },
    { method: "listSnapshots", request: { job } },
    { method: "listFiles", request: { job } },
    { method: "diffSnapshots", request: { job, from: "latest" } },
    { method: "findFiles", request: { job, pattern: bytes("*") } },
    { method: "measureSnapshots", request: { job } },
    { method: "readFile", request: { job, path: bytes(`${privateSource}/diary`) } },
    { method: "restore", request: { job, target: bytes("/home/alice/stolen") } },
    { method: "verify", request: { job } },
    { method: "drill", request: { job } },
    { method: "prune", request: { job } },
    { method: "pinSnapshot", request: { job } },
    { method: "unpinSnapshot", request: { job } },
    { method: "browse", request: { job } },
    { method: "endBrowse", request: { job } },
    { method: "listRuns", request: { job } },
    { method: "listRuns", request: { volume } },
    { method: "listSnapshots", request: { volume } },
    { method: "createVolume", request: { volume } },
    { method: "adoptVolume", request: { volume, job } },
    { method: "checkVolume", request: { volume, repair: true } },
    { method: "resizeVolume", request: { volume, shrink: true } },
    { method: "trimVolume", request: { volume } },
    { method: "listKeys", request: { volume } },
    { method: "addKey", request: { volume, newKey: key } },
    { method: "removeKey", request: { volume, slot: 0 } },
    { method: "rotateKey", request: { volume, agents: true } },
    { method: "reencryptVolume", request: { volume } },
    { method: "exportRecoveryKit", request: { volume, passphrase: key } },
    { method: "scanRemote", request: { remote } },
    { method: "trustRemote", request: { remote, fingerprint: digest, replace: true } },
    { method: "describeRemote", request: { remote } },
    { method: "checkRemote", request: { remote } },
    { method: "doctor", request: { fix: true } },
    {
      method: "joinFleet",
      request: { addresses: ["fleet.example.net:7443"], token: "alice's", authorities: [`sha256:${"0".repeat(64)}`] },
    },
    { method: "leaveFleet", request: {} },
    { method: "listAudit", request: {} },
    { method: "checkAccess", request: { user: "bob", verb: "restore", name: job } },
    { method: "checkAccess", request: { user: "root", verb: "restore", name: job } },
  ];
}

/** What alice may do on a job that is hers, and no more than that. */
const tooMuch: Call[] = [
  { method: "restore", request: { job: "docs", target: bytes("/home/alice/x"), acceptRollback: true } },
  { method: "listSnapshots", request: { job: "docs", acceptRollback: true } },
  { method: "readFile", request: { job: "docs", path, acceptRollback: true } },
  { method: "browse", request: { job: "docs", acceptRollback: true } },
  { method: "drill", request: { job: "docs", scratch: bytes("/home/alice") } },
  { method: "verify", request: { job: "docs", level: 4 } },
];

function shape({ status, code, message, hint, responses }: Answer, ...names: string[]): unknown[] {
  const blank = (text: string) => names.reduce((left, name) => left.replaceAll(name, "NAME"), text);
  return [status, code, blank(message), blank(hint), responses.length];
}

describe("what is somebody else's", () => {
  const scene = Scene.set({
    prepare: makePeople,
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${source}] }
  private: { volume: home, sources: [${privateSource}] }
access:
  - { users: [alice], jobs: [docs], allow: [status, snapshots, ls, restore, browse, backup, verify, drill] }
  - { users: [bob], jobs: [docs, private], allow: [status, snapshots, ls, restore, browse, backup, runs, log, cancel] }
`,
    volumes: ["home"],
  });

  it("is refused in the same words as what is not there, with a line each time; nor is it told of when it is in the way", async () => {
    assertDone(await scene.agent.backup("private"));
    // whoever asks, it is being looked at
    const browsed = await cli(["browse", "private", "--detach"], { as: people.bob });
    assert.equal(browsed.exitCode, 0, browsed.stderr);
    const real = requests("private", "home", "vault");
    const [theirs, nobodys] = await Promise.all([
      ask("alice", real, forged),
      ask("alice", requests("nothing", "nowhere", "noone"), forged),
    ]);
    theirs.forEach((answer, index) => {
      const { method } = real[index] as Call;
      assert.equal(answer.code, "denied", `${method}: ${JSON.stringify(answer)}`);
      assert.deepEqual(
        shape(answer, "private", "home", "vault"),
        shape(nobodys[index] as Answer, "nothing", "nowhere", "noone"),
        method,
      );
    });
    const asked = new Set(real.map(({ method }) => method));
    const open = ["getStatus", "listVolumes", "listJobs", "getRun", "watchRun", "cancelRun"];
    assert.deepEqual(
      Object.keys(AgentServiceService).filter((method) => !asked.has(method) && !open.includes(method)),
      [],
      "every call is tried",
    );
    for (const answer of await ask("alice", tooMuch, forged))
      assert.equal(answer.code, "denied", JSON.stringify(answer));

    const lines = (await cli(["audit", "--user", "alice", "--refused", "--all", "--json"])).stdout
      .toString()
      .trim()
      .split("\n");
    assert.equal(lines.length, 2 * real.length + tooMuch.length);
    assert.ok(lines.every((line) => JSON.parse(line).uid === people.alice.uid));
    assert.match(await as("bob", "ls", browsed.stdout.toString().trim()), /latest/, "and bob is not disturbed");

    // nor is it told of when it is in the way
    const [locked, status, jobs, volumes] = await ask("alice", [
      { method: "backup", request: { job: "docs" } },
      { method: "getStatus" },
      { method: "listJobs" },
      { method: "listVolumes" },
    ]);
    assert.deepEqual([locked?.code, locked?.message], ["locked", "volume home is in use by somebody else"]);
    for (const answer of [locked, status, jobs, volumes]) {
      assert.doesNotMatch(JSON.stringify([answer?.message, answer?.hint, answer?.responses]), /private|bob|4002|diary/);
    }
    // bob is told what is in the way of his own
    const own = await cli(["backup", "private"], { as: people.bob });
    assert.match(own.stderr, /browse by bob since .*\nhint: .*browse --end private/);
    assert.equal((await cli(["browse", "--end"], { as: people.bob })).exitCode, 0);
  });

  it("cannot be followed, seen or cancelled by its id, as the last, or by the beginning of an id", async () => {
    const { runs } = await scene.agent.runs();
    await scene.host.setLink({ rttMs: 300 });
    const started = await scene.agent.startBackup("private");
    const running = started.run?.id ?? "";
    const ids = [running, running.slice(0, 9), "last", "0", runs[0]?.id ?? "", "0000000000"];
    const calls = ids.flatMap((id) => [
      { method: "getRun", request: { id } },
      { method: "watchRun", request: { id, follow: true } },
      { method: "cancelRun", request: { id } },
    ]);
    const answers = await ask("alice", [...calls, { method: "listRuns", request: {} }], forged);
    const listed = answers.pop();
    assert.deepEqual([listed?.code, listed?.responses], ["denied", []]);
    for (const answer of answers) {
      assert.equal(answer.code, "not_found", JSON.stringify(answer));
      assert.doesNotMatch(`${answer.message}${answer.hint}`, new RegExp(`private|bob|${running}`));
    }
    assert.equal(new Set(answers.map(({ message }) => message)).size, 2, "there is none, and there was none yet");
    await scene.host.setLink({ rttMs: 0 });
    const { run } = await scene.agent.follow(running);
    assert.equal(run.state, RunState.DONE, "nobody has ended it");
    const lines = (await cli(["audit", "--user", "alice", "--verb", "cancel", "--all", "--json"])).stdout
      .toString()
      .trim()
      .split("\n");
    assert.ok(lines.some((line) => JSON.parse(line).run === running && JSON.parse(line).decision === "refused"));
  });

  it("is not had by an environment of one's own, nor by a socket in the agent's stead", async () => {
    // which program, which libraries, which language: what the command line hears of them is its caller's own business
    const hostile = await as(
      "alice",
      "env",
      "LUKSMITH_SOCKET=/run/luksmith/agent.sock",
      "HOME=/root",
      "LC_ALL=xx_XX.UTF-8",
      "id",
      "-u",
    );
    assert.equal(hostile, `${people.alice.uid}\n`);
    const place = "/home/alice/agent.sock";
    // one that sends back what root types would only hear what root has typed: and answers no gRPC
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.write(Buffer.concat([Buffer.from("HTTP/1.1 200 OK\r\n\r\n"), Buffer.alloc(100_000, "\u001b]0;x\u0007")]));
    });
    await new Promise<void>((listening) => server.listen(place, listening));
    try {
      const typed = await cli(["status", "--socket", place]);
      assert.equal(typed.exitCode, 13, typed.stderr);
      assert.doesNotMatch(`${typed.stdout}${typed.stderr}`, /\u001b|\u0007/, "nothing of it reaches the terminal");
    } finally {
      server.close();
      await rm(place, { force: true });
    }
    // nor can the agent's own be moved, or its place be taken
    for (const command of [
      ["rm", "-f", "/run/luksmith/agent.sock"],
      ["mv", "/run/luksmith/agent.sock", "/run/luksmith/x"],
      ["ln", "-s", "/home/alice", "/run/luksmith/x"],
      ["cat", "/run/luksmith/agent.sock.lock"],
      ["ls", "/var/lib/luksmith"],
      ["cat", "/etc/luksmith/agent.yaml"],
    ] as [string, ...string[]][]) {
      assert.match(await as("alice", ...command), /Permission denied|cannot/, command.join(" "));
    }
    await writeFile("/home/alice/mine", "");
    assert.ok((await scene.agent.status()).version);
  });
});
