import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { RunState, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { sampleJob, sampleRun, sampleVolume } from "../../unit/cli/samples.ts";
import { CliProcess, mainFile, runCli } from "./cli-process.ts";
import { type ScriptedAgent, scriptedAgent } from "./scripted-agent.ts";

let agent: ScriptedAgent;
let directory = "";

before(async () => {
  agent = await scriptedAgent({
    listJobs: () => ({ jobs: [sampleJob(), sampleJob({ name: "srv" })] }),
    listVolumes: () => ({ volumes: [sampleVolume(), sampleVolume({ name: "$(touch owned)" })] }),
    listRuns: () => ({
      runs: [
        sampleRun({ id: "aa01" }),
        sampleRun({ id: "bb02", snapshot: "2026-11-22T02-00-00Z" }),
        sampleRun({ id: "cc03", snapshot: "2026-11-21T02-00-00Z", state: RunState.FAILED }),
        sampleRun({ id: "dd04", snapshot: "2026-11-20T02-00-00Z", verb: Verb.RESTORE }),
      ],
    }),
  });
  // the script calls the program by its name
  directory = await mkdtemp(join(tmpdir(), "luksmith-completion-"));
  const program = join(directory, "luksmith");
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${mainFile}' "$@"\n`);
  await chmod(program, 0o755);
  await writeFile(join(directory, "completion"), (await runCli(["completion", "bash"])).stdout);
});

after(async () => {
  await agent[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/**
 * What bash would offer behind `line`.
 * @param words the line as bash splits it, at "@" and "=" as well (bash(1), COMP_WORDS)
 */
async function offered(line: string, words: string[], socket = agent.socket): Promise<string[]> {
  const script = `
    source completion
    COMP_LINE=$1; COMP_POINT=\${#1}; shift
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    compopt() { :; }
    _luksmith
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const env = { PATH: `${directory}:${process.env.PATH}`, LUKSMITH_SOCKET: socket };
  const { exitCode, stdout, stderr } = await new CliProcess("bash", ["--norc", "-c", script, "bash", line, ...words], {
    env,
    cwd: directory,
  }).ended;
  assert.equal(exitCode, 0);
  assert.equal(stderr, "");
  return stdout.split("\n").filter((each) => each !== "");
}

const lines: [line: string, words: string[], offered: string[]][] = [
  ["luksmith ba", ["luksmith", "ba"], ["backup"]],
  ["luksmith volume ", ["luksmith", "volume", ""], ["create", "adopt", "list", "check", "resize", "help"]],
  ["luksmith backup ", ["luksmith", "backup", ""], ["home", "srv"]],
  ["luksmith backup s", ["luksmith", "backup", "s"], ["srv"]],
  ["luksmith backup --acc", ["luksmith", "backup", "--acc"], ["--accept-rollback"]],
  ["luksmith ls h", ["luksmith", "ls", "h"], ["home", "home@latest"]],
  ["luksmith ls home@2", ["luksmith", "ls", "home", "@", "2"], ["@2026-11-23T02-00-00Z", "@2026-11-22T02-00-00Z"]],
  // where the user has taken "@" out of COMP_WORDBREAKS
  ["luksmith verify home@l", ["luksmith", "verify", "home@l"], ["home@latest"]],
  ["luksmith volume check ", ["luksmith", "volume", "check", ""], ["home"]],
  ["luksmith remote trust v", ["luksmith", "remote", "trust", "v"], ["vault"]],
  ["luksmith log ", ["luksmith", "log", ""], ["last", "aa01", "bb02", "cc03", "dd04"]],
  ["luksmith runs --job h", ["luksmith", "runs", "--job", "h"], ["home"]],
  ["luksmith runs --job=h", ["luksmith", "runs", "--job", "=", "h"], ["home"]],
  ["luksmith --json backup h", ["luksmith", "--json", "backup", "h"], ["home"]],
  [
    "luksmith prune home --snapshot 2026-11-22",
    ["luksmith", "prune", "home", "--snapshot", "2026-11-22"],
    ["2026-11-22T02-00-00Z"],
  ],
  ["luksmith completion f", ["luksmith", "completion", "f"], ["fish"]],
  ["luksmith restore home --to /et", ["luksmith", "restore", "home", "--to", "/et"], ["/etc"]],
  ["luksmith restore home --to=/et", ["luksmith", "restore", "home", "--to", "=", "/et"], ["/etc"]],
  ["luksmith backup $(touch owned; ", ["luksmith", "backup", "$(touch owned;", ""], []],
];

for (const [line, words, expected] of lines) {
  test(`bash: ${line}|`, async () => {
    assert.deepEqual((await offered(line, words)).sort(), [...expected].sort());
  });
}

test("nothing that was typed or that the agent said was run", async () => {
  const { stdout } = await new CliProcess("ls", [directory], {}).ended;
  assert.equal(stdout, "completion\nluksmith\n");
});

test("without an agent completion is silent", async () => {
  assert.deepEqual(await offered("luksmith backup ", ["luksmith", "backup", ""], "/nonexistent.sock"), []);
});

test("the script for bash may be read twice, and is bash", async () => {
  const { stdout } = await runCli(["completion", "bash"]);
  const twice = await new CliProcess("bash", ["--norc", "-c", 'eval "$1" && eval "$1"', "bash", stdout], {}).ended;
  assert.deepEqual([twice.exitCode, twice.stderr], [0, ""]);
});

test("the scripts for zsh and fish are about luksmith", async () => {
  assert.match((await runCli(["completion", "zsh"])).stdout, /^#compdef luksmith/);
  assert.match((await runCli(["completion", "fish"])).stdout, /complete -c luksmith/);
});
