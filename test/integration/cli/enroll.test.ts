import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { LuksmithError } from "../../../common/errors.ts";
import type { JoinFleetRequest } from "../../../proto/gen/luksmith/v1/agent.ts";
import { jsonLines, runCli } from "./cli-process.ts";
import { type Script, scriptedAgent } from "./scripted-agent.ts";

const token = `lsm_0123456789ab_${"c".repeat(48)}`;
const pin = `sha256:${"ab".repeat(32)}`;
const address = "fleet.example.net:7443";

function fleet(name = "web1"): { script: Script; asked: JoinFleetRequest[] } {
  const asked: JoinFleetRequest[] = [];
  const script: Script = {
    joinFleet: (request) => {
      asked.push(request);
      return { machineId: "4f0a9c", name, address };
    },
    leaveFleet: () => ({ machineId: "4f0a9c" }),
  };
  return { script, asked };
}

test("a machine enrols by the line that was typed", async () => {
  const { script, asked } = fleet();
  await using agent = await scriptedAgent(script);
  const args = [
    "enroll",
    address,
    "[2001:db8::1]:7443",
    "--token",
    token,
    "--ca",
    pin,
    "--ca",
    pin.toUpperCase().replace("SHA", "sha"),
  ];
  const { exitCode, stdout } = await runCli(args, agent);
  assert.equal(exitCode, 0);
  assert.equal(stdout, `enrolled at ${address} as web1 (4f0a9c)\n`);
  assert.deepEqual(asked, [
    { addresses: [address, "[2001:db8::1]:7443"], token, authorities: [pin, pin], replace: false },
  ]);
});

test("the token comes from a file, or from standard input", async () => {
  const { script, asked } = fleet("");
  await using agent = await scriptedAgent(script);
  const file = join(agent.directory, "token");
  await writeFile(file, `${token}\nand more\n`);
  const args = ["enroll", address, "--ca", pin, "--replace", "--token-file"];
  const fromFile = await runCli([...args, file], agent);
  assert.match(fromFile.stdout, /as 4f0a9c\nan operator has to confirm it: luksmith fleet accept 4f0a9c\n$/);
  const piped = await runCli(["--json", ...args, "-"], { ...agent, stdin: `${token}\n` });
  assert.deepEqual(jsonLines(piped.stdout), [{ type: "enrolled", machine: "4f0a9c", name: null, address }]);
  assert.deepEqual(
    asked.map((request) => [request.token, request.replace]),
    [
      [token, true],
      [token, true],
    ],
  );
});

for (const [what, args, words] of [
  ["no token", ["enroll", address, "--ca", pin], /one token is needed/],
  ["two tokens", ["enroll", address, "--ca", pin, "--token", token, "--token-file", "-"], /one token is needed/],
  ["what is no token", ["enroll", address, "--ca", pin, "--token", "hunter2"], /that is no token/],
  ["no authority", ["enroll", address, "--token", token], /--ca/],
  [
    "what is no authority",
    ["enroll", address, "--token", token, "--ca", "sha256:ab"],
    /no fingerprint of an authority/,
  ],
  [
    "what is no address",
    ["enroll", "fleet", "--token", token, "--ca", pin],
    /no address of a controller.*\n?.*HOST:PORT/s,
  ],
  ["no address", ["enroll", "--token", token, "--ca", pin], /address/],
] as const) {
  test(`${what} is refused before the agent is asked`, async () => {
    await using agent = await scriptedAgent({});
    const { exitCode, stderr } = await runCli(args, agent);
    assert.equal(exitCode, 2, stderr);
    assert.match(stderr, words);
    assert.doesNotMatch(stderr, /hunter2|lsm_0/);
    assert.deepEqual(agent.calls, []);
  });
}

test("what the agent says of it is shown", async () => {
  const message = "the token is not accepted: it may be mistyped, expired, used up or revoked";
  await using agent = await scriptedAgent({
    joinFleet: () => {
      throw new LuksmithError("refused", message, { hint: "luksmith fleet token list" });
    },
  });
  const { exitCode, stderr } = await runCli(["enroll", address, "--token", token, "--ca", pin], agent);
  assert.equal(exitCode, 13);
  assert.equal(stderr, `error: ${message}\nhint: luksmith fleet token list\n`);
});

test("a machine leaves its fleet", async () => {
  const { script } = fleet();
  await using agent = await scriptedAgent(script);
  assert.match((await runCli(["leave"], agent)).stdout, /in no fleet any more/);
  assert.deepEqual(jsonLines((await runCli(["--json", "leave"], agent)).stdout), [{ type: "left", machine: "4f0a9c" }]);
});
